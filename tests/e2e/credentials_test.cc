// Credentials that end, from the program that embeds the broker to the program with a client: the client renews them by
// itself, and comes back with new ones if they have ended.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "onehop/broker.h"
#include "onehop/client.h"
#include "server_test/broker_rig.h"
#include "server_test/hooks_rig.h"

namespace onehop::test {
namespace {

constexpr uint64_t kLongMs = 600'000;

// Counts what the clients show, and says for how long that holds.
struct Issuer {
  std::atomic<uint64_t> hold_ms{0};
  std::atomic<int> connects{0};
  std::atomic<int> renewals{0};
  std::atomic<bool> renews_well{true};

  BrokerOptions options() {
    Hooks hooks;
    hooks.authenticate = [this](const Credentials& credentials, const AuthenticateAnswer& answer) {
      ++(credentials.renews ? renewals : connects);
      if (credentials.token == "mallory") return answer.refuse(Code::kBadCredentials);
      if (credentials.renews && !renews_well) return answer.refuse(Code::kServerBusy);
      answer.accept(credentials.token, 0, hold_ms);
    };
    return hooked(hooks);
  }
};

struct Told {
  Reason reason;
  uint32_t expires_in_ms;
};

std::unique_ptr<client::Client> start(const std::string& address, client::ClientOptions options,
                                      client::Client::Handlers handlers) {
  std::string error;
  auto client = client::Client::start(address, std::move(options), std::move(handlers), error);
  EXPECT_NE(client, nullptr) << error;
  return client;
}

TEST(ClientCredentials, ASourceRenewsThemOnTheOpenConnection) {
  Issuer issuer;
  issuer.hold_ms = 2'000;
  BrokerRig broker(issuer.options());
  Handed<Told> renewed;
  const auto alice = start(broker.address(), {.name = "alice", .token_source = [] { return std::string("alice"); }},
                           {.on_renewed = [&](Reason reason, uint32_t expires_in_ms) {
                             renewed.put({reason, expires_in_ms});
                           }});
  for (int i = 0; i < 2; ++i) {
    const Told told = renewed.take();
    EXPECT_EQ(told.reason, Reason::kNone);
    EXPECT_GE(told.expires_in_ms, 1U);
    EXPECT_LE(told.expires_in_ms, 2'000U);
  }
  EXPECT_GE(issuer.renewals, 2);
}

TEST(ClientCredentials, AClientWhoseCredentialsHaveEndedResumesWithNewOnes) {
  Issuer issuer;
  issuer.hold_ms = 200;
  issuer.renews_well = false;
  BrokerRig broker(issuer.options());
  Handed<std::pair<bool, uint64_t>> opened;
  Handed<client::Ending> downs;
  const auto alice = start(broker.address(), {.name = "alice", .token_source = [] { return std::string("alice"); }},
                           {.on_open =
                                [&](const client::SessionInfo& session) {
                                  issuer.hold_ms = 0;
                                  opened.put({session.resumed, session.session});
                                },
                            .on_down = [&](const client::Ending& ending, uint64_t) { downs.put(ending); }});
  const auto first = opened.take();
  EXPECT_FALSE(first.first);
  EXPECT_EQ(downs.take().code, Code::kNotAuthorized);
  EXPECT_EQ(opened.take(), std::pair(true, first.second)) << "the session goes on";
  EXPECT_EQ(issuer.connects, 2);
}

TEST(ClientCredentials, TheProgramRenewsThemFromAnyThread) {
  Issuer issuer;
  issuer.hold_ms = kLongMs;
  BrokerRig broker(issuer.options());
  Handed<Told> renewed;
  const auto alice = start(broker.address(), {.name = "alice", .token = "alice"},
                           {.on_renewed = [&](Reason reason, uint32_t expires_in_ms) {
                             renewed.put({reason, expires_in_ms});
                           }});
  ASSERT_EQ(alice->wait_until_open(kLongMs), client::WaitStatus::kDone);
  EXPECT_EQ(alice->renew("mallory"), client::SendStatus::kAccepted);
  EXPECT_EQ(renewed.take().reason, Reason::kNotAuthorized);
  EXPECT_EQ(alice->renew("alice"), client::SendStatus::kAccepted);
  const Told told = renewed.take();
  EXPECT_EQ(told.reason, Reason::kNone);
  EXPECT_GE(told.expires_in_ms, 1U);
  EXPECT_EQ(alice->renew(std::string(client::kTokenBytesMax + 1, 'x')), client::SendStatus::kTooLarge);
  alice->close(kLongMs);
  EXPECT_EQ(alice->renew("alice"), client::SendStatus::kClosed);
}

}  // namespace
}  // namespace onehop::test
