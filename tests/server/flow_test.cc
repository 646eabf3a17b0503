// Backpressure through real sockets: a client that does not read has its senders paused, then refused, and is ended;
// nobody else notices.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"
#include "server_test/sanitizers.h"

namespace onehop::test {
namespace {

class Flow : public testing::TestWithParam<unsigned> {};

TEST_P(Flow, AFrozenReaderPausesThenRefusesAndThenResumes) {
  BrokerRig broker(narrow_options(GetParam()));
  RawClient frozen(broker.address(), kSocketBytes);
  RawClient sender(broker.address());
  frozen.connect("frozen");
  sender.connect("sender");
  // Until the first refusal: everything before it was admitted and must arrive.
  std::vector<v1::Frame> told;
  uint64_t id = 0;
  for (bool refused = false; !refused;) {
    for (int i = 0; i < 4; ++i) sender.send(message_frame("frozen", ++id, std::string(1'000, 'x')));
    for (v1::Frame& frame : sender.read_to_pong()) {
      refused = refused || frame.has_receipts();
      told.push_back(std::move(frame));
    }
  }
  ASSERT_EQ(v1::Frame::kFlow, told.front().kind_case()) << "it is told to pause before it is refused";
  EXPECT_EQ("frozen", told.front().flow().client());
  EXPECT_EQ(v1::STATE_PAUSE, told.front().flow().state());
  EXPECT_GE(told.front().flow().retry_after_ms(), 750u);
  EXPECT_LE(told.front().flow().retry_after_ms(), 1'250u);
  const std::vector<uint64_t> refused = refused_ids(told, v1::REASON_QUEUE_FULL);
  ASSERT_FALSE(refused.empty());
  EXPECT_GE(broker->counters().pauses_told, 1u);
  EXPECT_LE(broker->counters().queued_bytes, kQueueBytes);

  // It reads again: all that was admitted comes in order, and the sender is told to go on.
  for (uint64_t expected = 1; expected < refused.front(); ++expected) {
    ASSERT_EQ(expected, frozen.read_kind(v1::Frame::kMessage).message().id());
  }
  const v1::Flow flow = sender.read_kind(v1::Frame::kFlow).flow();
  EXPECT_EQ("frozen", flow.client());
  EXPECT_EQ(v1::STATE_RESUME, flow.state());
  sender.send(message_frame("frozen", ++id, "after"));
  EXPECT_TRUE(refused_ids(sender.read_to_pong(), v1::REASON_QUEUE_FULL).empty());
}

TEST_P(Flow, OtherDestinationsOfTheSenderGoOnUntouched) {
  BrokerRig broker(narrow_options(GetParam()));
  RawClient frozen(broker.address(), kSocketBytes);
  RawClient other(broker.address());
  RawClient sender(broker.address());
  frozen.connect("frozen");
  other.connect("other");
  sender.connect("sender");
  uint64_t id = 0;
  std::vector<uint64_t> refused;
  while (refused.size() < 200) {
    for (int i = 0; i < 8; ++i) {
      sender.send(message_frame("frozen", ++id, std::string(2'000, 'x')));
      ++id;
      sender.send(message_frame("other", id, std::to_string(id)));
    }
    for (const uint64_t one : refused_ids(sender.read_to_pong(), v1::REASON_QUEUE_FULL)) refused.push_back(one);
    for (uint64_t expected = id - 14; expected <= id; expected += 2) {
      ASSERT_EQ(std::to_string(expected), other.read_kind(v1::Frame::kMessage).message().payload());
    }
  }
  for (const uint64_t one : refused) EXPECT_EQ(1u, one % 2) << "only what went to the frozen one";
}

TEST_P(Flow, ASlowConsumerIsEndedAndTold) {
  BrokerOptions options = narrow_options(GetParam());
  options.slow_consumer_ms = 200;
  BrokerRig broker(options);
  RawClient frozen(broker.address(), kSocketBytes);
  RawClient sender(broker.address());
  frozen.connect("frozen");
  sender.connect("sender");
  uint64_t id = 0;
  for (bool gone = false; !gone;) {
    sender.send(message_frame("frozen", ++id, std::string(1'000, 'x')));
    gone = !refused_ids(sender.read_to_pong(), v1::REASON_UNKNOWN_CLIENT).empty();
  }
  const SeenEvent ended =
      broker.wait_for([](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kConnectionEnded; });
  EXPECT_EQ("SLOW_CONSUMER", ended.code);
  EXPECT_EQ("frozen", ended.name);
  // Once it reads again it finds what was on its way, whole, and the goodbye behind it.
  const std::vector<v1::Frame> frames = frozen.read_to_end();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(v1::CODE_SLOW_CONSUMER, frames.back().goodbye().code());
  EXPECT_EQ(RawClient::End::kOrderly, frozen.end());
  EXPECT_GT(broker->counters().messages_dropped, 0u);
}

uint64_t resident_bytes() {
  uint64_t size = 0;
  uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

TEST_P(Flow, MemoryStaysFlatWhileAReaderIsFrozen) {
  BrokerRig broker(narrow_options(GetParam()));
  RawClient frozen(broker.address(), kSocketBytes);
  RawClient sender(broker.address());
  frozen.connect("frozen");
  sender.connect("sender");
  uint64_t id = 0;
  const auto send_mebibytes = [&](int count) {
    const std::string payload(10'000, 'x');
    for (int i = 0; i < count * 100; ++i) sender.send(message_frame("frozen", ++id, payload));
    sender.read_to_pong();
  };
  send_mebibytes(4);  // Warmed up: every buffer that is kept for reuse exists.
  const uint64_t before = resident_bytes();
  for (int i = 0; i < 32; ++i) {
    send_mebibytes(1);
    EXPECT_LE(broker->counters().queued_bytes, kQueueBytes);
  }
  const uint64_t growth_max =
      kAddressSanitized || kThreadSanitized ? UINT64_MAX / 2 : 8 << 20;  // Sanitizers keep freed memory.
  EXPECT_LT(resident_bytes(), before + growth_max);
  EXPECT_GT(broker->counters().messages_refused, 3'000u);
}

// Who sends and never reads its receipts is not read either: what it makes the broker hold is bounded.
TEST_P(Flow, ASenderThatDoesNotReadItsReceiptsIsNotReadEither) {
  BrokerRig broker(narrow_options(GetParam()));
  RawClient deaf(broker.address(), kSocketBytes);
  deaf.connect("deaf");
  std::string bytes;
  for (uint64_t id = 1; id <= 100'000; ++id) {
    // No two neighbours share a reason, so that receipts do not melt into ranges.
    bytes += id % 2 == 0 ? wire(message_frame("nobody", id, "")) : [id] {
      v1::Frame frame = message_frame("nobody", id, "");
      frame.mutable_message()->set_service("nobody serves this");
      return wire(frame);
    }();
  }
  std::string_view rest = bytes;
  while (broker->counters().reading_stopped == 0) rest.remove_prefix(deaf.send_some(rest));
  RawClient other(broker.address());
  other.connect("other");
  EXPECT_TRUE(other.read_to_pong().empty());
  // It listens again: nothing is lost.
  deaf.send_bytes(rest);
  const std::vector<v1::Frame> told = deaf.read_to_pong();
  EXPECT_EQ(50'000u, refused_ids(told, v1::REASON_UNKNOWN_CLIENT).size());
  EXPECT_EQ(50'000u, refused_ids(told, v1::REASON_NOBODY_THERE).size());
}

INSTANTIATE_TEST_SUITE_P(Shards, Flow, testing::Values(1u, 2u, 4u),
                         [](const auto& param) { return "Shards" + std::to_string(param.param); });

}  // namespace
}  // namespace onehop::test
