// Hooks of the embedder, over real sockets: who is let in, what clients may do, who has come and gone. Answers come at
// once, later from another thread, never, after the client has left, and after the broker has.
#include "onehop/hooks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server_test/broker_rig.h"
#include "server_test/hooks_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

v1::Goodbye refusal_of(const std::string& address, const v1::Frame& connect) {
  RawClient client(address);
  client.send(connect);
  return client.read_goodbye();
}

// Says "yes" to tokens that are the client's name.
void token_is_the_name(const Credentials& credentials, const AuthenticateAnswer& answer) {
  if (credentials.token == credentials.name) return answer.accept("user:" + std::string(credentials.name), 7);
  answer.refuse(Code::kBadCredentials, "the token is not the name", 1'234);
}

TEST(Authenticate, AtOnce) {
  Handed<std::string> peers;
  Hooks hooks;
  hooks.authenticate = [&](const Credentials& credentials, const AuthenticateAnswer& answer) {
    peers.put(std::string(credentials.peer));
    token_is_the_name(credentials, answer);
    answer.refuse(Code::kNormal, "the first answer counts");
  };
  BrokerRig broker(hooked(hooks));
  RawClient alice(broker.address());
  alice.send(connect_with_token("alice", "alice"));
  EXPECT_EQ("alice", alice.read_kind(v1::Frame::kConnected).connected().name());
  EXPECT_EQ(alice.local_address(), peers.take());
  const v1::Goodbye refused = refusal_of(broker.address(), connect_with_token("bob", "guess"));
  EXPECT_EQ(v1::CODE_BAD_CREDENTIALS, refused.code());
  EXPECT_EQ("the token is not the name", refused.text());
  EXPECT_EQ(1'234u, refused.retry_after_ms());
}

TEST(Authenticate, LaterFromAnotherThread) {
  Handed<std::pair<std::string, AuthenticateAnswer>> asked;
  Hooks hooks;
  hooks.authenticate = [&](const Credentials& credentials, AuthenticateAnswer answer) {
    asked.put({std::string(credentials.name), std::move(answer)});
  };
  BrokerRig broker(hooked(hooks));
  RawClient alice(broker.address());
  alice.send_bytes(wire(connect_frame("alice")) + wire(ping_frame(3)));
  auto [name, answer] = asked.take();
  EXPECT_EQ("alice", name);
  EXPECT_EQ(0u, broker->counters().sessions) << "and the broker serves on";
  answer.accept("alice");
  EXPECT_TRUE(alice.read().value().has_connected());
  EXPECT_EQ(3u, alice.read_kind(v1::Frame::kPong).pong().nonce());
  RawClient bob(broker.address());
  bob.send(connect_frame("bob"));
  asked.take().second.refuse(Code::kNotAuthorized, "not today");
  EXPECT_EQ("not today", bob.read_goodbye().text());
}

// The handle is kept, and nobody answers.
TEST(Authenticate, NeverEndsAtTheConnectDeadline) {
  Handed<AuthenticateAnswer> asked;
  Hooks hooks;
  hooks.authenticate = [&](const Credentials&, AuthenticateAnswer answer) { asked.put(std::move(answer)); };
  BrokerRig broker(hooked(hooks));
  const v1::Goodbye goodbye = refusal_of(broker.address(), connect_frame("alice"));
  EXPECT_EQ(v1::CODE_SERVER_BUSY, goodbye.code());
  asked.take().accept("alice");  // Too late.
  EXPECT_EQ(0u, broker->counters().sessions_opened);
}

TEST(Authenticate, AHandleThatIsDroppedRefuses) {
  Hooks hooks;
  hooks.authenticate = [](const Credentials&, const AuthenticateAnswer&) {};
  BrokerRig broker(hooked(hooks));
  EXPECT_EQ(v1::CODE_SERVER_BUSY, refusal_of(broker.address(), connect_frame("alice")).code());
}

TEST(Authenticate, AHookThatThrowsRefusesAndIsReported) {
  Handed<std::pair<Handler, std::string>> thrown;
  BrokerOptions options = hooked({});
  options.hooks.authenticate = [](const Credentials& credentials, const AuthenticateAnswer& answer) {
    if (credentials.name == "answered") answer.accept("first");
    throw std::runtime_error("no database");
  };
  options.on_exception = [&](const HandlerException& e) { thrown.put({e.handler, std::string(e.what)}); };
  BrokerRig broker(options);
  EXPECT_EQ(v1::CODE_SERVER_BUSY, refusal_of(broker.address(), connect_frame("alice")).code());
  EXPECT_EQ(std::pair(Handler::kAuthenticate, std::string("no database")), thrown.take());
  EXPECT_EQ("answered", RawClient(broker.address()).connect("answered").name()) << "it had answered before";
  EXPECT_EQ(2u, broker->counters().handler_exceptions);
}

TEST(Authenticate, AnAnswerAfterTheClientOrTheBrokerHasGoneDoesNothing) {
  Handed<AuthenticateAnswer> asked;
  Hooks hooks;
  hooks.authenticate = [&](const Credentials&, AuthenticateAnswer answer) { asked.put(std::move(answer)); };
  BrokerOptions options = hooked(hooks);
  options.address_sessions_max = 100;  // So that the address of the connection is asked for.
  std::optional<BrokerRig> broker(options);
  std::optional<RawClient> alice(broker->address());
  alice->send(connect_frame("alice"));
  AuthenticateAnswer to_alice = asked.take();
  alice->reset();
  while ((*broker)->counters().connections != 0) continue;
  to_alice.accept("alice");
  RawClient bob(broker->address());
  bob.send(connect_frame("bob"));
  AuthenticateAnswer to_bob = asked.take();
  EXPECT_EQ(0u, (*broker)->counters().sessions_opened);
  (*broker)->stop(0);
  to_bob.accept("bob");
  EXPECT_EQ(0u, (*broker)->counters().sessions_opened);
  broker.reset();
  to_bob.accept("bob");
}

// Somebody else who has the token of a session does not get it.
TEST(Authenticate, OnlyTheSamePrincipalResumes) {
  Hooks hooks;
  hooks.authenticate = [](const Credentials& credentials, const AuthenticateAnswer& answer) {
    answer.accept(credentials.token);
  };
  BrokerRig broker(hooked(hooks));
  const auto with = [](const std::string& principal) {
    v1::Frame frame = connect_with_token("alice", principal);
    frame.mutable_connect()->set_session_expiry_ms(60'000);
    return frame;
  };
  RawClient alice(broker.address());
  alice.send(with("alice"));
  const v1::Connected connected = alice.read_kind(v1::Frame::kConnected).connected();
  const auto resume = [&](const std::string& principal, uint32_t attempt) {
    v1::Frame frame = with(principal);
    frame.mutable_connect()->set_resume_token(connected.resume_token());
    frame.mutable_connect()->set_attempt(attempt);
    return frame;
  };
  EXPECT_EQ(v1::CODE_NAME_IN_USE, refusal_of(broker.address(), resume("mallory", 1)).code());
  RawClient again(broker.address());
  again.send(resume("alice", 1));
  EXPECT_TRUE(again.read_kind(v1::Frame::kConnected).connected().resumed());
}

TEST(Authorize, NamesAndTakeovers) {
  Hooks hooks;
  hooks.authenticate = token_is_the_name;
  std::mutex mutex;
  std::vector<std::string> asked;
  hooks.authorize = [&](const Access& access, const AuthorizeAnswer& answer) {
    {
      const std::lock_guard lock(mutex);
      asked.push_back(std::string(to_string(access.action)) + " " + std::string(access.target) + " as " +
                      std::string(access.principal) + " " + std::to_string(access.permissions));
    }
    access.target == "alice" && access.action != Action::kTakeOver ? answer.allow() : answer.deny();
  };
  BrokerRig broker(hooked(hooks));
  EXPECT_EQ(v1::CODE_NOT_AUTHORIZED, refusal_of(broker.address(), connect_with_token("bob", "bob")).code());
  v1::Frame connect = connect_with_token("alice", "alice");
  connect.mutable_connect()->set_on_conflict(v1::ON_CONFLICT_TAKE_OVER);
  RawClient alice(broker.address());
  alice.send(connect);
  EXPECT_TRUE(alice.read().value().has_connected());
  EXPECT_EQ(v1::CODE_NOT_AUTHORIZED, refusal_of(broker.address(), connect).code());
  EXPECT_TRUE(alice.read_to_pong().empty()) << "alice is still there";
  const std::lock_guard lock(mutex);
  EXPECT_EQ((std::vector<std::string>{"own_name bob as user:bob 7", "own_name alice as user:alice 7",
                                      "take_over alice as user:alice 7", "own_name alice as user:alice 7",
                                      "take_over alice as user:alice 7"}),
            asked);
}

// A policy whose answers may change, and that counts how often it is asked about messages.
class Policy {
 public:
  Hooks hooks(bool from_another_thread) {
    Hooks hooks;
    hooks.authorize = [this, from_another_thread](const Access& access, const AuthorizeAnswer& answer) {
      if (access.action != Action::kSend) return answer.allow();
      ++asked_;
      const bool may = allows_;
      const auto say = [may, answer] { may ? answer.allow() : answer.deny(); };
      if (!from_another_thread) return say();
      const std::lock_guard lock(mutex_);
      threads_.emplace_back(say);
    };
    return hooks;
  }
  void allow(bool allows) { allows_ = allows; }
  int asked() const { return asked_; }
  ~Policy() {
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::atomic<bool> allows_{true};
  std::atomic<int> asked_{0};
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

class AuthorizeMessages : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(, AuthorizeMessages, testing::Bool(),
                         [](const auto& about) { return about.param ? "FromAnotherThread" : "AtOnce"; });

TEST_P(AuthorizeMessages, AreAskedAboutOnceUntilThePolicyChanges) {
  Policy policy;
  BrokerRig broker(hooked(policy.hooks(GetParam())));
  RawClient alice(broker.address());
  RawClient bob(broker.address());
  alice.connect("alice");
  bob.connect("bob");
  for (uint64_t id = 1; id <= 100; ++id) alice.send(message_frame("bob", id, std::to_string(id)));
  EXPECT_TRUE(alice.read_to_pong().empty());
  for (uint64_t id = 1; id <= 100; ++id) {
    EXPECT_EQ(std::to_string(id), bob.read_kind(v1::Frame::kMessage).message().payload());
  }
  EXPECT_EQ(1, policy.asked());
  policy.allow(false);
  broker->policy_changed();
  for (uint64_t id = 101; id <= 200; ++id) alice.send(message_frame(id % 2 == 0 ? "bob" : "nobody", id, ""));
  EXPECT_EQ(100u, refused_ids(alice.read_to_pong(), v1::REASON_NOT_AUTHORIZED).size());
  EXPECT_EQ(3, policy.asked()) << "bob again, and nobody";
  const Trace denied = broker->trace("alice", "bob");
  EXPECT_FALSE(denied.would_arrive);
  EXPECT_EQ(Reason::kNotAuthorized, denied.reason);
  policy.allow(true);
  broker->policy_changed();
  alice.send(message_frame("bob", 201, "allowed again"));
  EXPECT_EQ("allowed again", bob.read_kind(v1::Frame::kMessage).message().payload());
}

// The client does not get past its message, others do.
TEST(AuthorizeMessage, WaitsWithoutHoldingOthersUp) {
  Handed<AuthorizeAnswer> asked;
  Hooks hooks;
  hooks.authorize = [&](const Access& access, AuthorizeAnswer answer) {
    if (access.action != Action::kSend || access.name != "slow") return answer.allow();
    asked.put(std::move(answer));
  };
  BrokerRig broker(hooked(hooks, 1));
  RawClient slow(broker.address());
  RawClient quick(broker.address());
  RawClient bob(broker.address());
  slow.connect("slow");
  quick.connect("quick");
  bob.connect("bob");
  slow.send(message_frame("bob", 1, "slow"));
  AuthorizeAnswer answer = asked.take();
  quick.send(message_frame("bob", 1, "quick"));
  EXPECT_EQ("quick", bob.read_kind(v1::Frame::kMessage).message().payload());
  answer.allow();
  EXPECT_EQ("slow", bob.read_kind(v1::Frame::kMessage).message().payload());
}

TEST(AuthorizeMessage, AHookThatCannotSayRefusesTheMessage) {
  Hooks hooks;
  hooks.authorize = [](const Access& access, const AuthorizeAnswer& answer) {
    if (access.action != Action::kSend) return answer.allow();
    if (access.target == "throws") throw std::runtime_error("no database");
    if (access.target != "dropped") answer.allow();
  };
  BrokerRig broker(hooked(hooks));
  RawClient alice(broker.address());
  alice.connect("alice");
  alice.send(message_frame("throws", 1, ""));
  alice.send(message_frame("dropped", 2, ""));
  alice.send(message_frame("alice", 3, "to myself"));
  const std::vector<v1::Frame> frames = alice.read_to_pong();
  EXPECT_EQ((std::vector<uint64_t>{1, 2}), refused_ids(frames, v1::REASON_BROKER_BUSY));
  EXPECT_EQ(std::vector<std::string>{"to myself"}, payloads(frames));
  EXPECT_EQ(1u, broker->counters().handler_exceptions);
}

TEST(AuthorizeMessage, AnAnswerAfterTheClientOrTheBrokerHasGoneDoesNothing) {
  Handed<AuthorizeAnswer> asked;
  Hooks hooks;
  hooks.authorize = [&](const Access& access, AuthorizeAnswer answer) {
    if (access.action != Action::kSend) return answer.allow();
    asked.put(std::move(answer));
  };
  std::optional<BrokerRig> broker(hooked(hooks));
  RawClient alice(broker->address());
  alice.connect("alice");
  alice.send(message_frame("bob", 1, ""));
  AuthorizeAnswer first = asked.take();
  alice.reset();
  while ((*broker)->counters().connections != 0) continue;
  first.allow();
  RawClient carol(broker->address());
  carol.connect("carol");
  carol.send(message_frame("bob", 1, ""));
  AuthorizeAnswer second = asked.take();
  broker.reset();
  second.deny();
}

TEST(Observers, AreToldOfEachClientThatComesAndGoes) {
  Handed<std::string> told;
  Hooks hooks;
  hooks.authenticate = token_is_the_name;
  const auto describe = [](const ConnectedClient& c) {
    return std::string(c.name) + " " + std::string(c.principal) + " " + std::to_string(c.permissions) + " " +
           std::string(c.peer) + " " + std::to_string(c.session);
  };
  hooks.on_connect = [&](const ConnectedClient& c) { told.put((c.resumed ? "again " : "came ") + describe(c)); };
  hooks.on_disconnect = [&](const ConnectedClient& c, Code code, std::string_view) {
    told.put("gone " + describe(c) + " " + to_string(code));
  };
  BrokerRig broker(hooked(hooks));
  v1::Frame connect = connect_with_token("alice", "alice");
  connect.mutable_connect()->set_session_expiry_ms(60'000);
  RawClient alice(broker.address());
  alice.send(connect);
  const v1::Connected connected = alice.read_kind(v1::Frame::kConnected).connected();
  const auto who = [&](const RawClient& client) {
    return "alice user:alice 7 " + client.local_address() + " " + std::to_string(connected.session());
  };
  const std::string first = who(alice);
  EXPECT_EQ("came " + first, told.take());
  // The connection breaks, the session stays, and is resumed by one that is silenced by the next.
  alice.reset();
  EXPECT_EQ("gone " + first + " UNSPECIFIED", told.take());
  connect.mutable_connect()->set_resume_token(connected.resume_token());
  std::deque<RawClient> clients;
  for (uint32_t attempt = 1; attempt <= 2; ++attempt) {
    connect.mutable_connect()->set_attempt(attempt);
    clients.emplace_back(broker.address()).send(connect);
    EXPECT_TRUE(clients.back().read_kind(v1::Frame::kConnected).connected().resumed());
    if (attempt == 2) {
      EXPECT_EQ("gone " + who(clients[0]) + " SESSION_TAKEN_OVER", told.take());
    }
    EXPECT_EQ("again " + who(clients.back()), told.take());
  }
  // Ended by an operator: told once, though both connection and session end.
  EXPECT_EQ(Broker::Kick::kEnded, broker->kick("alice", "enough"));
  EXPECT_EQ("gone " + who(clients.back()) + " ADMINISTRATIVE", told.take());
  RawClient bob(broker.address());
  bob.send(connect_with_token("bob", "bob"));
  EXPECT_TRUE(told.take().starts_with("came bob user:bob 7"));
  bob.say_goodbye();
  EXPECT_TRUE(told.take().starts_with("gone bob user:bob 7"));
}

}  // namespace
}  // namespace onehop::test
