// Tests of the onehop driver without a socket: what it says, what it tells, and the window it keeps. Protobuf's
// generated code makes the frames of the broker.
#include <gtest/gtest.h>

#include <string>

#include "core/base/bytes.h"
#include "onehop/v1/onehop.pb.h"
#include "peer_rig.h"

namespace onehop::loadgen::test {
namespace {

std::string bytes_of(const v1::Frame& frame) {
  const std::string body = frame.SerializeAsString();
  std::string bytes(core::kVarintBytesMax, '\0');
  bytes.resize(static_cast<size_t>(core::write_varint(bytes.data(), body.size()) - bytes.data()));
  return bytes + body;
}

std::vector<v1::Frame> frames_in(const std::string& bytes) {
  std::vector<v1::Frame> frames;
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at != end) {
    uint64_t size = 0;
    at = core::read_varint(at, end, core::kVarintBytesMax, size);
    if (at == nullptr || static_cast<uint64_t>(end - at) < size) break;
    EXPECT_TRUE(frames.emplace_back().ParseFromArray(at, static_cast<int>(size)));
    at += size;
  }
  EXPECT_EQ(at, end) << "whole frames";
  return frames;
}

v1::Frame connected(uint32_t window = 4, uint32_t window_bytes = 1 << 20) {
  v1::Frame frame;
  v1::Connected& connected = *frame.mutable_connected();
  connected.set_name("lg-1");
  connected.set_protocol_version(1);
  connected.set_server("onehopd/9");
  connected.set_keepalive_ms(30'000);
  connected.set_frame_bytes_max(1 << 20);
  connected.set_send_window(window);
  connected.set_send_window_bytes(window_bytes);
  return frame;
}

v1::Frame receipt(uint64_t seq, uint64_t first, uint64_t last, v1::Outcome outcome,
                  v1::Reason reason = v1::REASON_UNSPECIFIED) {
  v1::Frame frame;
  frame.mutable_receipts()->set_seq(seq);
  v1::Receipt& item = *frame.mutable_receipts()->add_items();
  item.set_first_id(first);
  item.set_last_id(last);
  item.set_outcome(outcome);
  item.set_reason(reason);
  return frame;
}

v1::Frame message(uint64_t tag, const std::string& payload) {
  v1::Frame frame;
  v1::Message& body = *frame.mutable_message();
  body.set_client("lg-1");
  body.set_from("lg-0");
  body.set_delivery_tag(tag);
  body.set_payload(payload);
  return frame;
}

class OnehopDriverTest : public testing::Test {
 protected:
  std::unique_ptr<Conversation> open(Confirm confirm, const v1::Frame& answer = connected()) {
    driver = make_onehop_driver({.confirm = confirm, .keepalive_ms = 5'000, .payload_bytes_max = 100});
    auto conversation = std::make_unique<Conversation>(driver->make_peer({"lg-1"}));
    const auto hello = frames_in(conversation->written());
    EXPECT_EQ(hello.size(), 1U);
    EXPECT_EQ(hello[0].connect().name(), "lg-1");
    EXPECT_EQ(hello[0].connect().keepalive_ms(), 5'000U);
    EXPECT_EQ(hello[0].connect().features(), 0U);
    conversation->arrive(bytes_of(answer));
    return conversation;
  }
  std::unique_ptr<Driver> driver;
};

TEST_F(OnehopDriverTest, ConfirmLevelIsOnTheWire) {
  const std::pair<Confirm, v1::Confirm> levels[] = {{Confirm::kNone, v1::CONFIRM_REFUSALS},
                                                    {Confirm::kTaken, v1::CONFIRM_REFUSALS},
                                                    {Confirm::kDelivered, v1::CONFIRM_DELIVERED}};
  for (const auto& [asked, written] : levels) {
    const auto conversation = open(asked);
    EXPECT_TRUE(conversation->diary.ready);
    conversation->send(1, "lg-0", "hello");
    const auto sent = frames_in(conversation->written());
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].message().client(), "lg-0");
    EXPECT_EQ(sent[0].message().payload(), "hello");
    EXPECT_EQ(sent[0].message().confirm(), written);
    EXPECT_EQ(sent[0].message().id(), asked == Confirm::kNone ? 0U : 1U);
  }
}

TEST_F(OnehopDriverTest, OneReadIsAcknowledgedOnce) {
  const auto conversation = open(Confirm::kDelivered);
  conversation->arrive(bytes_of(message(7, "a")) + bytes_of(message(8, "b")) + bytes_of(message(12, "c")));
  const auto answers = frames_in(conversation->written());
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].ack().up_to(), 12U);
  conversation->arrive(bytes_of(message(0, "d")));
  EXPECT_EQ(conversation->written(), "") << "no acknowledgement is wanted";
  EXPECT_EQ(conversation->diary.lines.back(), "message d");
}

TEST_F(OnehopDriverTest, KeepsTheWindow) {
  const auto conversation = open(Confirm::kDelivered);
  for (uint64_t id = 1; id <= 4; ++id) {
    ASSERT_TRUE(conversation->peer->may_send());
    conversation->send(id, "lg-0", "x");
  }
  EXPECT_FALSE(conversation->peer->may_send());
  conversation->written();
  conversation->arrive(bytes_of(receipt(1, 2, 3, v1::OUTCOME_DELIVERED)));
  EXPECT_TRUE(conversation->peer->may_send());
  const auto answers = frames_in(conversation->written());
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].ack().receipts_up_to(), 1U);
  conversation->send(5, "lg-0", "x");
  conversation->send(6, "lg-0", "x");
  EXPECT_FALSE(conversation->peer->may_send()) << "1, 4, 5 and 6 are under way";
}

TEST_F(OnehopDriverTest, KeepsTheWindowInBytes) {
  const auto conversation = open(Confirm::kDelivered, connected(1'000, 1'000));
  uint64_t id = 0;
  while (conversation->peer->may_send() && id < 100) conversation->send(++id, "lg-0", std::string(100, 'x'));
  size_t bytes = 0;
  for (const v1::Frame& frame : frames_in(conversation->written())) bytes += frame.ByteSizeLong();
  EXPECT_LE(bytes, 1'000U);
  EXPECT_GE(id, 3U);
}

TEST_F(OnehopDriverTest, TellsOutcomesWithTheirReasons) {
  const auto conversation = open(Confirm::kDelivered);
  for (uint64_t id = 1; id <= 4; ++id) conversation->send(id, "lg-0", "x");
  conversation->arrive(bytes_of(receipt(1, 1, 2, v1::OUTCOME_DELIVERED)) +
                       bytes_of(receipt(2, 3, 3, v1::OUTCOME_REJECTED, v1::REASON_QUEUE_FULL)) +
                       bytes_of(receipt(3, 4, 4, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST)));
  EXPECT_EQ(conversation->diary.told,
            (Lines{"1 DELIVERED", "2 DELIVERED", "3 REJECTED QUEUE_FULL", "4 LOST CONNECTION_LOST"}));
}

TEST_F(OnehopDriverTest, APongTellsWhatWasTaken) {
  const auto conversation = open(Confirm::kTaken);
  for (uint64_t id = 1; id <= 3; ++id) conversation->send(id, "lg-0", "x");
  conversation->written();
  conversation->peer->ask_what_was_taken(conversation->out);
  const auto asked = frames_in(conversation->written());
  ASSERT_EQ(asked.size(), 1U);
  conversation->peer->ask_what_was_taken(conversation->out);
  EXPECT_EQ(conversation->written(), "") << "there is nothing new to ask";
  v1::Frame pong;
  pong.mutable_pong()->set_nonce(asked[0].ping().nonce());
  conversation->arrive(bytes_of(receipt(0, 2, 2, v1::OUTCOME_REJECTED, v1::REASON_UNKNOWN_CLIENT)) + bytes_of(pong));
  EXPECT_EQ(conversation->diary.told, (Lines{"2 REJECTED UNKNOWN_CLIENT", "1 ADMITTED", "2 ADMITTED", "3 ADMITTED"}));
}

TEST_F(OnehopDriverTest, FlowPingAndGoodbye) {
  const auto conversation = open(Confirm::kDelivered);
  v1::Frame pause, resume, ping, goodbye;
  pause.mutable_flow()->set_client("lg-0");
  pause.mutable_flow()->set_state(v1::STATE_PAUSE);
  resume.mutable_flow()->set_client("lg-0");
  resume.mutable_flow()->set_state(v1::STATE_RESUME);
  ping.mutable_ping()->set_nonce(99);
  goodbye.mutable_goodbye()->set_code(v1::CODE_SERVER_SHUTTING_DOWN);
  goodbye.mutable_goodbye()->set_text("until later");
  conversation->arrive(bytes_of(pause) + bytes_of(resume) + bytes_of(ping) + bytes_of(goodbye) +
                       bytes_of(message(1, "x")));
  const Lines& lines = conversation->diary.lines;
  EXPECT_EQ(lines, (Lines{"ready onehopd/9", "pause lg-0", "resume lg-0",
                          "ended the broker said goodbye SERVER_SHUTTING_DOWN: until later"}));
  const auto answers = frames_in(conversation->written());
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].pong().nonce(), 99U);
}

TEST_F(OnehopDriverTest, AnyCutOfTheBytesIsTheSame) {
  const std::string bytes = bytes_of(message(1, "first")) + bytes_of(receipt(1, 1, 2, v1::OUTCOME_DELIVERED)) +
                            bytes_of(message(2, std::string(300, 'y')));
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const auto conversation = open(Confirm::kDelivered);
    conversation->send(1, "lg-0", "x");
    conversation->send(2, "lg-0", "x");
    conversation->arrive(bytes, seed == 0 ? of_size(1) : random_pieces(seed));
    EXPECT_EQ(conversation->diary.lines,
              (Lines{"ready onehopd/9", "message first", "message " + std::string(300, 'y')}));
    EXPECT_EQ(conversation->diary.told, (Lines{"1 DELIVERED", "2 DELIVERED"}));
  }
}

TEST_F(OnehopDriverTest, BadBytesEndIt) {
  const v1::Frame never_sent = receipt(1, 1, 9, v1::OUTCOME_DELIVERED);
  for (const std::string& bytes :
       {std::string("\0", 1), std::string("\xff\xff\xff\xff\xff\x01"), std::string("\x02\xff\xff"),
        std::string("\x03\x1a\x01\xff"), bytes_of(never_sent)}) {
    const auto conversation = open(Confirm::kDelivered);
    conversation->arrive(bytes);
    EXPECT_TRUE(conversation->diary.ended) << testing::PrintToString(bytes);
  }
}

TEST_F(OnehopDriverTest, MessagesTheBrokerWouldNotTakeAreNotBegun) {
  v1::Frame small = connected();
  small.mutable_connected()->set_frame_bytes_max(120);
  EXPECT_TRUE(open(Confirm::kDelivered, small)->diary.ended);
}

// Random bytes follow a good beginning. The driver must not crash, and must end only once.
TEST_F(OnehopDriverTest, Garbage) {
  Random random(11);
  for (int round = 0; round < 2'000; ++round) {
    const auto conversation = open(Confirm::kDelivered);
    std::string bytes = bytes_of(message(1, "first")) + bytes_of(receipt(1, 1, 1, v1::OUTCOME_DELIVERED));
    conversation->send(1, "lg-0", "x");
    for (int i = 0; i < 3; ++i)
      bytes[random.below(static_cast<uint32_t>(bytes.size()))] ^= static_cast<char>(random.next());
    conversation->arrive(bytes, random_pieces(static_cast<uint64_t>(round)));
  }
}

}  // namespace
}  // namespace onehop::loadgen::test
