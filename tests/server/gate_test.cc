// The gate (feature ORDERED_REFUSALS) through real sockets: order holds through refusals, on one shard and across.
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

constexpr uint64_t kOrderedRefusals = 1;

class Gate : public testing::TestWithParam<unsigned> {
 protected:
  void SetUp() override {
    recipient_.connect("recipient");
    EXPECT_EQ(
        kOrderedRefusals,
        sender_.connect("sender", [](v1::Connect& c) { c.set_features(kOrderedRefusals | 1u << 20); }).features());
  }

  void send(uint64_t number) {
    sequence_.push_back(number);
    sender_.send(message_frame("recipient", ++id_, std::to_string(number) + " " + std::string(1'000, 'x')));
  }
  static uint64_t number_in(const v1::Frame& frame) { return std::stoull(frame.message().payload()); }
  // The numbers that were refused, in order.
  std::vector<uint64_t> refused_numbers() {
    std::vector<uint64_t> numbers;
    for (const uint64_t id : refused_ids(sender_.read_to_pong(), v1::REASON_QUEUE_FULL)) {
      numbers.push_back(sequence_[id - 1]);
    }
    return numbers;
  }

  BrokerRig broker_{narrow_options(GetParam())};
  RawClient recipient_{broker_.address(), kSocketBytes};
  RawClient sender_{broker_.address()};
  uint64_t id_ = 0;
  std::vector<uint64_t> sequence_;  // What each id carried.
};

TEST_P(Gate, StaysClosedUntilTheSenderSaysThatItKnows) {
  uint64_t number = 0;
  std::vector<uint64_t> refused;
  while (refused.empty()) {
    send(++number);
    refused = refused_numbers();
  }
  const uint64_t first_refused = refused.front();
  // The recipient takes everything, and is told of room again; the gate is closed all the same.
  for (uint64_t expected = 1; expected < first_refused; ++expected) {
    ASSERT_EQ(expected, number_in(recipient_.read_kind(v1::Frame::kMessage)));
  }
  EXPECT_EQ(v1::STATE_RESUME, sender_.read_kind(v1::Frame::kFlow).flow().state());
  send(++number);
  EXPECT_EQ(std::vector<uint64_t>{number}, refused_numbers());
  // Without an id it is refused as well, and not told.
  sender_.send(message_frame("recipient", 0, "0 must not come"));
  EXPECT_TRUE(sender_.read_to_pong().empty());
  // Another sender has no gate.
  RawClient other(broker_.address());
  other.connect("other");
  other.send(message_frame("recipient", 1, "777"));
  EXPECT_EQ(777u, number_in(recipient_.read_kind(v1::Frame::kMessage)));

  sender_.send(resume_frame("recipient"));
  for (uint64_t repeated = first_refused; repeated <= number; ++repeated) send(repeated);
  EXPECT_TRUE(refused_numbers().empty());
  for (uint64_t expected = first_refused; expected <= number; ++expected) {
    EXPECT_EQ(expected, number_in(recipient_.read_kind(v1::Frame::kMessage)));
  }
  EXPECT_EQ(1u, broker_->counters().gates_closed);
}

// Sending on and on without a look at the answers: each round some are refused, and are repeated in order. What
// arrives is the sequence, without a gap, a double or a swap.
TEST_P(Gate, KeepsOrderThroughManyRefusals) {
  constexpr uint64_t kNumbers = 600;
  uint64_t arrived = 0;
  std::deque<uint64_t> to_send;
  for (uint64_t number = 1; number <= kNumbers; ++number) to_send.push_back(number);
  while (arrived < kNumbers) {
    for (size_t i = 0; i < 150 && !to_send.empty(); ++i) {
      send(to_send.front());
      to_send.pop_front();
    }
    const std::vector<uint64_t> refused = refused_numbers();
    to_send.insert(to_send.begin(), refused.begin(), refused.end());
    const uint64_t admitted_up_to = to_send.empty() ? kNumbers : to_send.front() - 1;
    if (!refused.empty()) sender_.send(resume_frame("recipient"));
    while (arrived < admitted_up_to) ASSERT_EQ(++arrived, number_in(recipient_.read_kind(v1::Frame::kMessage)));
  }
  EXPECT_GT(broker_->counters().gates_closed, 1u);
  EXPECT_TRUE(recipient_.read_to_pong().empty());
}

TEST_P(Gate, EndsWithTheRecipientsSession) {
  uint64_t number = 0;
  while (refused_numbers().empty()) send(++number);
  recipient_.close();
  broker_.wait_for(
      [](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kSessionEnded && e.name == "recipient"; });
  RawClient next(broker_.address());
  next.connect("recipient");
  send(1);
  EXPECT_EQ(1u, number_in(next.read_kind(v1::Frame::kMessage)));
}

TEST_P(Gate, AResumeWithoutAGateIsIgnored) {
  sender_.send(resume_frame("recipient"));
  sender_.send(resume_frame("nobody"));
  send(1);
  EXPECT_TRUE(sender_.read_to_pong().empty());
  EXPECT_EQ(1u, number_in(recipient_.read_kind(v1::Frame::kMessage)));
}

INSTANTIATE_TEST_SUITE_P(Shards, Gate, testing::Values(1u, 2u, 4u),
                         [](const auto& param) { return "Shards" + std::to_string(param.param); });

}  // namespace
}  // namespace onehop::test
