// The hook still_allowed: who may stay when the embedder's policy has changed.
#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "onehop/hooks.h"
#include "server_test/broker_rig.h"
#include "server_test/hooks_rig.h"
#include "server_test/local_program.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

// Whom the policy covers is the test's to change. Principals are tokens.
class ChangingPolicy {
 public:
  Hooks hooks() {
    Hooks hooks;
    hooks.authenticate = [](const Credentials& credentials, const AuthenticateAnswer& answer) {
      answer.accept(credentials.token, 5);
    };
    hooks.still_allowed = [this](const ConnectedClient& client) {
      const std::lock_guard lock(mutex_);
      asked_.insert(std::string(client.name) + " as " + std::string(client.principal) +
                    (client.peer.empty() ? ", away" : ""));
      if (client.permissions != 5) throw std::logic_error("permissions");
      return !taken_away_.contains(std::string(client.principal));
    };
    return hooks;
  }
  void take_away(const std::string& principal) {
    const std::lock_guard lock(mutex_);
    taken_away_.insert(principal);
  }
  std::set<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  std::mutex mutex_;
  std::set<std::string> taken_away_;
  std::set<std::string> asked_;
};

v1::Connected connect_as(RawClient& client, const std::string& name, const std::string& principal) {
  v1::Frame frame = connect_with_token(name, principal);
  frame.mutable_connect()->set_session_expiry_ms(600'000);
  client.send(frame);
  return client.read_kind(v1::Frame::kConnected).connected();
}

TEST(StillAllowed, EndsThoseThatThePolicyCoversNoMore) {
  ChangingPolicy policy;
  BrokerRig broker(hooked(policy.hooks()));
  RawClient alice(broker.address());
  RawClient bob(broker.address());
  RawClient carol(broker.address());
  connect_as(alice, "alice", "bad");
  connect_as(bob, "bob", "good");
  const v1::Connected away = connect_as(carol, "carol", "bad");
  carol.reset();
  broker.wait_for([](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kSessionDetached; });
  LocalProgram local(*broker, LocalClientOptions{.name = "local", .token = "bad"});
  LocalProgram staying(*broker, LocalClientOptions{.name = "staying", .token = "good"});
  local.wait_until_open();
  staying.wait_until_open();
  bob.send(confirmed_frame("alice", 1));
  alice.read_kind(v1::Frame::kMessage);
  EXPECT_TRUE(policy.asked().empty());

  policy.take_away("bad");
  broker->policy_changed();
  const v1::Goodbye goodbye = alice.read_goodbye();
  EXPECT_EQ(v1::CODE_NOT_AUTHORIZED, goodbye.code());
  EXPECT_EQ("permissions were taken away", goodbye.text());
  EXPECT_EQ(Code::kNotAuthorized, local.wait_until_ended().code);
  broker.wait_for(
      [&](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kSessionEnded && e.session == away.session(); });
  const v1::Receipt receipt = bob.read_kind(v1::Frame::kReceipts).receipts().items(0);
  EXPECT_EQ(v1::OUTCOME_LOST, receipt.outcome()) << "what was admitted keeps its outcome";
  EXPECT_TRUE(bob.read_to_pong().empty()) << "bob stays";
  const uint64_t ticket = staying.send("bob", "still here");
  bob.send(ping_frame(9));
  EXPECT_EQ("still here", bob.read_kind(v1::Frame::kMessage).message().payload());
  EXPECT_NE(0u, ticket);
  EXPECT_EQ(2u, broker->counters().sessions);
  EXPECT_EQ(3u, broker->counters().sessions_revoked);
  EXPECT_EQ(policy.asked(), (std::set<std::string>{"alice as bad", "bob as good", "carol as bad, away", "local as bad",
                                                   "staying as good"}));
}

TEST(StillAllowed, AHookThatThrowsCostsTheConnectionAndNotTheSession) {
  Hooks hooks;
  hooks.still_allowed = [](const ConnectedClient& client) -> bool {
    if (client.name == "alice") throw std::runtime_error("no database");
    return true;
  };
  Handed<Handler> thrown;
  BrokerOptions options = hooked(hooks);
  options.on_exception = [&](const HandlerException& e) { thrown.put(e.handler); };
  BrokerRig broker(options);
  RawClient alice(broker.address());
  const v1::Connected connected = connect_as(alice, "alice", "");
  broker->policy_changed();
  EXPECT_EQ(v1::CODE_SERVER_BUSY, alice.read_goodbye().code());
  EXPECT_EQ(Handler::kStillAllowed, thrown.take());
  EXPECT_EQ("still_allowed", to_string(Handler::kStillAllowed));
  v1::Frame resume = connect_frame("alice");
  resume.mutable_connect()->set_resume_token(connected.resume_token());
  resume.mutable_connect()->set_attempt(1);
  RawClient again(broker.address());
  again.send(resume);
  EXPECT_TRUE(again.read_kind(v1::Frame::kConnected).connected().resumed());
}

TEST(StillAllowed, WithoutTheHookEverybodyStays) {
  BrokerRig broker;
  RawClient alice(broker.address());
  alice.connect("alice");
  broker->policy_changed();
  EXPECT_TRUE(alice.read_to_pong().empty());
  EXPECT_EQ(1u, broker->counters().sessions);
}

}  // namespace
}  // namespace onehop::test
