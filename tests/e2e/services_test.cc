// Services and requests, from program to program, over a broker with two shards.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "onehop/broker.h"
#include "onehop/client.h"
#include "server_test/broker_rig.h"
#include "server_test/hooks_rig.h"

namespace onehop::test {
namespace {

using client::Client;
using client::Message;
using client::RequestResult;
using client::SendOptions;
using client::SendResult;
using client::SendStatus;

constexpr SendOptions kToService{.destination = client::Destination::kService};

std::unique_ptr<Client> start(const std::string& address, const std::string& name, Client::Handlers handlers) {
  std::string error;
  auto client =
      Client::start(address, {.name = name, .backoff_ms_min = 1, .backoff_ms_max = 5}, std::move(handlers), error);
  if (client == nullptr) throw std::runtime_error(error);
  return client;
}

// Replies to each request, which is a number, with the next one.
class Counter {
 public:
  Counter(const std::string& address, const std::string& name) {
    client_ = start(address, name,
                    {.on_message = [this](const Message& m) { count(m); },
                     .on_serving = [this](std::string_view service,
                                          Reason reason) { answers_.put(std::string(service) + name_of(reason)); },
                     .on_unserved = [this](std::string_view service) { answers_.put("no " + std::string(service)); }});
    // The handler needs it.
    ready_.set_value();
  }

  void serve() {
    EXPECT_EQ(client_->serve("counter"), SendStatus::kAccepted);
    EXPECT_EQ(answers_.take(), "counter");
  }
  std::string answer() { return answers_.take(); }
  int replies() const { return replies_; }
  Client& client() { return *client_; }

 private:
  void count(const Message& request) {
    ready_future_.wait();
    EXPECT_EQ(request.service, "counter");
    EXPECT_TRUE(request.wants_reply);
    const std::string next = std::to_string(std::stoi(std::string(request.payload)) + 1);
    ++replies_;
    client_->send(request.from, next, reply_to(request),
                  [](const SendResult& result) { EXPECT_EQ(result.outcome, Outcome::kDelivered); });
  }

  std::promise<void> ready_;
  std::shared_future<void> ready_future_ = ready_.get_future().share();
  Handed<std::string> answers_;
  std::atomic<int> replies_{0};
  std::unique_ptr<Client> client_;  // Last: its handlers use the others.
};

TEST(Services, EachOfAThousandRequestsIsReplied) {
  BrokerRig broker(test_options(2));
  Counter one(broker.address(), "one"), two(broker.address(), "two");
  one.serve();
  two.serve();
  const auto alice = start(broker.address(), "alice",
                           {.on_message = [](const Message& m) { ADD_FAILURE() << "not a reply: " << m.payload; }});
  constexpr int kRequests = 1'000;
  std::vector<std::future<RequestResult>> results;
  results.reserve(kRequests);
  for (int i = 0; i < kRequests; ++i) results.push_back(alice->request("counter", std::to_string(i), kToService));
  for (int i = 0; i < kRequests; ++i) {
    const RequestResult result = results[static_cast<size_t>(i)].get();
    ASSERT_EQ(result.sent.outcome, Outcome::kReplied) << to_string(result.sent.reason);
    ASSERT_TRUE(result.has_reply);
    ASSERT_EQ(result.reply->payload, std::to_string(i + 1));
  }
  EXPECT_EQ(one.replies() + two.replies(), kRequests);
  EXPECT_GT(one.replies(), 0);
  EXPECT_GT(two.replies(), 0);
}

// Closing waits for the replies that are under way.
TEST(Services, WhoClosesGetsTheRepliesAllTheSame) {
  BrokerRig broker(test_options(2));
  Counter one(broker.address(), "one");
  one.serve();
  const auto alice = start(broker.address(), "alice", {});
  std::atomic<int> replied{0};
  for (int i = 0; i < 100; ++i) {
    alice->request("counter", "1", kToService, [&](const RequestResult& result) { replied += result.has_reply; });
  }
  alice->close(60'000);
  EXPECT_EQ(replied, 100);
}

TEST(Services, WhoAsksIsToldWhyThereIsNoReply) {
  BrokerRig broker(test_options(2));
  const auto alice = start(broker.address(), "alice", {});
  RequestResult result = alice->request("counter", "1", kToService).get();
  EXPECT_EQ(result.sent.outcome, Outcome::kRejected);
  EXPECT_EQ(result.sent.reason, Reason::kNobodyThere);
  EXPECT_FALSE(result.has_reply);
  result = alice->request("", "1", kToService).get();
  EXPECT_EQ(result.sent.status, SendStatus::kInvalid);
  // It acknowledges, and goes without a reply.
  std::promise<void> got;
  auto bob = start(broker.address(), "bob", {.on_message = [&](const Message&) { got.set_value(); }});
  EXPECT_EQ(bob->wait_until_open(60'000), client::WaitStatus::kDone);
  std::future<RequestResult> asked = alice->request("bob", "1");
  got.get_future().wait();
  bob->close(60'000);
  result = asked.get();
  EXPECT_EQ(result.sent.outcome, Outcome::kResponderLost);
  EXPECT_EQ(result.sent.reason, Reason::kConnectionLost);
}

TEST(Services, AMessageThatWantsAReplyGetsItAsAMessage) {
  BrokerRig broker(test_options(2));
  Counter one(broker.address(), "one");
  one.serve();
  Handed<std::string> heard;
  const auto alice =
      start(broker.address(), "alice", {.on_message = [&](const Message& m) { heard.put(std::string(m.payload)); }});
  SendOptions options = kToService;
  options.wants_reply = true;
  EXPECT_EQ(alice->send("counter", "7", options).get().outcome, Outcome::kReplied);
  EXPECT_EQ(heard.take(), "8");
}

TEST(Services, WhoServesNoMoreGetsNothingMore) {
  BrokerRig broker(test_options(2));
  Counter one(broker.address(), "one");
  one.serve();
  EXPECT_EQ(one.client().unserve("counter"), SendStatus::kAccepted);
  EXPECT_EQ(one.answer(), "no counter");
  EXPECT_EQ(one.client().serve("no name"), SendStatus::kInvalid);
  const auto alice = start(broker.address(), "alice", {});
  EXPECT_EQ(alice->send("counter", "1", kToService).get().reason, Reason::kNobodyThere);
}

TEST(Services, TheyAreServedAgainAtTheNextBroker) {
  std::optional<BrokerRig> broker(std::in_place, test_options(2));
  BrokerOptions same_place = test_options(2);
  same_place.listen = {broker->address()};
  Counter one(broker->address(), "one");
  one.serve();
  const auto alice = start(broker->address(), "alice", {});
  EXPECT_EQ(alice->request("counter", "1", kToService).get().reply->payload, "2");
  // The outcome of the reply would not be known otherwise.
  EXPECT_EQ(one.client().flush(client::kForever), client::WaitStatus::kDone);
  broker.reset();
  broker.emplace(same_place);
  EXPECT_EQ(one.answer(), "counter") << "it serves again";
  EXPECT_EQ(alice->request("counter", "2", kToService).get().reply->payload, "3");
}

}  // namespace
}  // namespace onehop::test
