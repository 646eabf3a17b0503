// Credentials that end, over real sockets: what the authenticate hook says of their end, and how clients renew them.
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "onehop/hooks.h"
#include "server_test/broker_rig.h"
#include "server_test/hooks_rig.h"
#include "server_test/local_program.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

constexpr uint64_t kHourMs = 3'600'000;

v1::Frame renew_frame(const std::string& token) {
  v1::Frame frame;
  frame.mutable_renew()->set_token(token);
  return frame;
}

// A Connect that may renew, of a session that waits for its client.
v1::Frame renewing_connect(const std::string& name, const std::string& token) {
  v1::Frame frame = connect_with_token(name, token);
  frame.mutable_connect()->set_features(2);
  frame.mutable_connect()->set_session_expiry_ms(600'000);
  return frame;
}

// Tokens are `principal:how many milliseconds they hold`.
void read_token(const Credentials& credentials, const AuthenticateAnswer& answer) {
  const std::string token(credentials.token);
  const size_t colon = token.find(':');
  if (colon == std::string::npos) return answer.refuse(Code::kBadCredentials);
  answer.accept(token.substr(0, colon), credentials.renews ? 2 : 1, std::stoull(token.substr(colon + 1)));
}

Hooks token_hooks() {
  Hooks hooks;
  hooks.authenticate = read_token;
  return hooks;
}

v1::Renewed renew(RawClient& client, const std::string& token) {
  client.send(renew_frame(token));
  return client.read_kind(v1::Frame::kRenewed).renewed();
}

TEST(CredentialEnd, TheConnectionEndsAndTheSessionWaitsForNewOnes) {
  Hooks hooks = token_hooks();
  Handed<std::pair<Code, std::string>> ends;
  hooks.on_disconnect = [&](const ConnectedClient&, Code code, std::string_view text) {
    ends.put({code, std::string(text)});
  };
  BrokerRig broker(hooked(hooks));
  RawClient alice(broker.address());
  alice.send(renewing_connect("alice", "alice:100"));
  const v1::Connected connected = alice.read_kind(v1::Frame::kConnected).connected();
  EXPECT_GE(connected.credentials_expire_in_ms(), 1u);
  EXPECT_LE(connected.credentials_expire_in_ms(), 100u);
  const v1::Goodbye goodbye = alice.read_goodbye();
  EXPECT_EQ(v1::CODE_NOT_AUTHORIZED, goodbye.code());
  EXPECT_EQ("credentials expired", goodbye.text());
  EXPECT_EQ(std::pair(Code::kNotAuthorized, std::string("credentials expired")), ends.take());
  v1::Frame resume = renewing_connect("alice", "alice:0");
  resume.mutable_connect()->set_resume_token(connected.resume_token());
  resume.mutable_connect()->set_attempt(1);
  RawClient again(broker.address());
  again.send(resume);
  const v1::Connected resumed = again.read_kind(v1::Frame::kConnected).connected();
  EXPECT_TRUE(resumed.resumed());
  EXPECT_EQ(0u, resumed.credentials_expire_in_ms()) << "these do not end";
}

TEST(CredentialEnd, ALocalClientEndsWithItsCredentials) {
  BrokerRig broker(hooked(token_hooks()));
  LocalProgram local(*broker, LocalClientOptions{.name = "local", .token = "local:100"});
  const client::Ending ending = local.wait_until_ended();
  EXPECT_EQ(Code::kNotAuthorized, ending.code);
  EXPECT_EQ("credentials expired", ending.text);
}

TEST(CredentialEnd, AVeryLongTimeIsToldAsTheLongestThatFits) {
  BrokerRig broker(hooked(token_hooks()));
  RawClient alice(broker.address());
  alice.send(renewing_connect("alice", "alice:18446744073709551615"));
  EXPECT_EQ(0u, alice.read_kind(v1::Frame::kConnected).connected().credentials_expire_in_ms());
  RawClient bob(broker.address());
  bob.send(renewing_connect("bob", "bob:18000000000000000000"));
  EXPECT_EQ(UINT32_MAX, bob.read_kind(v1::Frame::kConnected).connected().credentials_expire_in_ms());
}

TEST(Renewal, AsksTheHookAndTellsTheNewEnd) {
  struct Asked {
    std::string name, token, peer;
    bool renews;
  };
  Handed<Asked> asked;
  Hooks hooks;
  hooks.authenticate = [&](const Credentials& credentials, const AuthenticateAnswer& answer) {
    asked.put({std::string(credentials.name), std::string(credentials.token), std::string(credentials.peer),
               credentials.renews});
    read_token(credentials, answer);
  };
  Handed<uint64_t> permissions;
  hooks.authorize = [&](const Access& access, const AuthorizeAnswer& answer) {
    if (access.action == Action::kSend) permissions.put(access.permissions);
    answer.allow();
  };
  BrokerRig broker(hooked(hooks));
  RawClient alice(broker.address());
  alice.send(renewing_connect("alice", "a:3600000"));
  alice.read_kind(v1::Frame::kConnected);
  EXPECT_FALSE(asked.take().renews);
  alice.send(message_frame("nobody", 1, ""));
  EXPECT_EQ(1u, permissions.take());
  const v1::Renewed renewed = renew(alice, "a:7200000");
  EXPECT_EQ(v1::REASON_UNSPECIFIED, renewed.reason());
  EXPECT_GT(renewed.expires_in_ms(), kHourMs);
  EXPECT_LE(renewed.expires_in_ms(), 2 * kHourMs);
  const Asked renewal = asked.take();
  EXPECT_TRUE(renewal.renews);
  EXPECT_EQ("alice", renewal.name);
  EXPECT_EQ("a:7200000", renewal.token);
  EXPECT_EQ(alice.local_address(), renewal.peer);
  alice.send(message_frame("nobody", 2, ""));
  EXPECT_EQ(2u, permissions.take()) << "the verdict from before is forgotten, and the new permissions hold";
  EXPECT_EQ(0u, renew(alice, "a:0").expires_in_ms());
}

TEST(Renewal, RefusedOnesChangeNothing) {
  Hooks hooks = token_hooks();
  std::atomic<uint64_t> permissions{0};
  std::atomic<bool> may_own{true};
  hooks.authorize = [&](const Access& access, const AuthorizeAnswer& answer) {
    if (access.action == Action::kSend) permissions = access.permissions;
    access.action == Action::kOwnName && !may_own ? answer.deny() : answer.allow();
  };
  BrokerRig broker(hooked(hooks));
  RawClient alice(broker.address());
  alice.send(renewing_connect("alice", "alice:3600000"));
  alice.read_kind(v1::Frame::kConnected);
  EXPECT_EQ(v1::REASON_NOT_AUTHORIZED, renew(alice, "not a token").reason());
  EXPECT_EQ(v1::REASON_NOT_AUTHORIZED, renew(alice, "mallory:1000000").reason()) << "another principal";
  may_own = false;
  EXPECT_EQ(v1::REASON_NOT_AUTHORIZED, renew(alice, "alice:1000000").reason()) << "its name is not allowed any more";
  alice.send(message_frame("nobody", 1, ""));
  EXPECT_EQ(1u, alice.read_to_pong().size()) << "the connection goes on";
  EXPECT_EQ(1u, permissions) << "the permissions from before";
}

TEST(CredentialEnd, AndRenewalsAreCounted) {
  BrokerRig broker(hooked(token_hooks()));
  RawClient alice(broker.address());
  alice.send(renewing_connect("alice", "alice:3600000"));
  alice.read_kind(v1::Frame::kConnected);
  renew(alice, "not a token");
  renew(alice, "alice:1");
  alice.read_goodbye();
  const BrokerCounters counters = broker->counters();
  EXPECT_EQ(1u, counters.renewals_refused);
  EXPECT_EQ(1u, counters.renewals_accepted);
  EXPECT_EQ(0u, counters.renewals_undecided);
  EXPECT_EQ(1u, counters.credentials_expired);
}

TEST(Renewal, IsAnsweredLaterWhileTheClientIsServed) {
  Handed<AuthenticateAnswer> asked;
  Hooks hooks;
  hooks.authenticate = [&](const Credentials& credentials, AuthenticateAnswer answer) {
    if (!credentials.renews) return answer.accept("alice", 0, kHourMs);
    asked.put(std::move(answer));
  };
  BrokerRig broker(hooked(hooks));
  RawClient alice(broker.address());
  alice.send(renewing_connect("alice", "first"));
  alice.read_kind(v1::Frame::kConnected);
  alice.send(renew_frame("second"));
  const AuthenticateAnswer answer = asked.take();
  EXPECT_TRUE(alice.read_to_pong().empty()) << "no answer yet, and the client is served";
  answer.accept("alice", 0, 2 * kHourMs);
  EXPECT_GT(alice.read_kind(v1::Frame::kRenewed).renewed().expires_in_ms(), kHourMs);
}

// The client has been told that nothing changes, and so nothing does.
TEST(Renewal, IsAnsweredTooLateAndChangesNothing) {
  Handed<AuthenticateAnswer> asked;
  Handed<uint64_t> permissions;
  Hooks hooks;
  hooks.authenticate = [&](const Credentials& credentials, AuthenticateAnswer answer) {
    if (!credentials.renews) return answer.accept("alice", 1, kHourMs);
    asked.put(std::move(answer));
  };
  hooks.authorize = [&](const Access& access, const AuthorizeAnswer& answer) {
    if (access.action == Action::kSend) permissions.put(access.permissions);
    answer.allow();
  };
  BrokerRig broker(hooked(hooks));
  RawClient alice(broker.address());
  alice.send(renewing_connect("alice", "first"));
  alice.read_kind(v1::Frame::kConnected);
  alice.send(renew_frame("second"));
  const AuthenticateAnswer answer = asked.take();
  EXPECT_EQ(v1::REASON_BROKER_BUSY, alice.read_kind(v1::Frame::kRenewed).renewed().reason()) << "after 5 seconds";
  answer.accept("alice", 2, 2 * kHourMs);
  // The answer goes to the shard of alice before this does.
  broker->counters();
  alice.send(message_frame("nobody", 1, ""));
  EXPECT_EQ(1u, permissions.take());
}

TEST(Renewal, OfAHookThatCannotSayIsAnsweredWithBusy) {
  Hooks hooks;
  hooks.authenticate = [&](const Credentials& credentials, const AuthenticateAnswer& answer) {
    if (credentials.token == "first") return answer.accept("alice");
    if (credentials.token == "throws") throw std::runtime_error("no database");
  };
  BrokerRig broker(hooked(hooks));
  RawClient alice(broker.address());
  alice.send(renewing_connect("alice", "first"));
  alice.read_kind(v1::Frame::kConnected);
  EXPECT_EQ(v1::REASON_BROKER_BUSY, renew(alice, "dropped").reason());
  EXPECT_EQ(v1::REASON_BROKER_BUSY, renew(alice, "throws").reason());
  EXPECT_EQ(v1::REASON_UNSPECIFIED, renew(alice, "first").reason());
}

TEST(Renewal, WithoutAHookIsAlwaysGood) {
  BrokerRig broker;
  RawClient alice(broker.address());
  alice.send(renewing_connect("alice", ""));
  alice.read_kind(v1::Frame::kConnected);
  const v1::Renewed renewed = renew(alice, "anything");
  EXPECT_EQ(v1::REASON_UNSPECIFIED, renewed.reason());
  EXPECT_EQ(0u, renewed.expires_in_ms());
}

}  // namespace
}  // namespace onehop::test
