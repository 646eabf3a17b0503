// What each kind of frame from a client does.
#include <gtest/gtest.h>

#include "pair.h"

namespace onehop::core::test {
namespace {

class Frames : public OnOneShardAndOnTwo {};
INSTANTIATE_TEST_SUITE_P(, Frames, testing::Values(0, 1), shards_in_words);

TEST_P(Frames, IdsRiseAndZeroIsNone) {
  Pair pair(GetParam());
  for (const uint64_t id : {uint64_t{0}, uint64_t{1}, uint64_t{0}, uint64_t{5}, UINT64_MAX, uint64_t{0}}) {
    pair.alice.send(pair.bobs_name, id, std::to_string(id));
  }
  const std::vector<v1::Frame> frames = pair.bob.read();
  EXPECT_EQ(payloads(frames), (std::vector<std::string>{"0", "1", "0", "5", std::to_string(UINT64_MAX), "0"}));
  EXPECT_EQ(frames[0].message().from_session(), 0u);
  EXPECT_EQ(frames[1].message().from_session(), pair.alice.connected().session());
  pair.alice.send(pair.bobs_name, 6);
  expect_ended(pair.broker, pair.alice, v1::CODE_PROTOCOL_ERROR);
}

TEST_P(Frames, ARefusedIdIsUsedUp) {
  Pair pair(GetParam());
  pair.alice.send("nobody", 5);
  pair.alice.send(pair.bobs_name, 5);
  const std::vector<v1::Frame> frames = expect_ended(pair.broker, pair.alice, v1::CODE_PROTOCOL_ERROR);
  EXPECT_EQ(refused_ids(frames, v1::REASON_UNKNOWN_CLIENT), std::vector<uint64_t>{5});
  EXPECT_TRUE(pair.bob.read().empty());
}

TEST_P(Frames, OtherConfirmationsAreNotServed) {
  Pair pair(GetParam());
  for (const int confirm : {2, 77}) {
    v1::Frame frame = message_frame(pair.bobs_name, static_cast<uint64_t>(confirm), "x");
    frame.mutable_message()->set_confirm(static_cast<v1::Confirm>(confirm));
    pair.alice.send(frame);
  }
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_UNSUPPORTED), (std::vector<uint64_t>{2, 77}));
  EXPECT_TRUE(pair.bob.read().empty());
}

TEST_P(Frames, TheSendersFieldsTravelUntouched) {
  Pair pair(GetParam());
  v1::Frame frame = message_frame(pair.bobs_name, 1, std::string("\0\xFF", 2));
  v1::Message& message = *frame.mutable_message();
  message.set_ttl_ms(500);
  message.set_in_reply_to(7);
  message.set_maybe_repeated(true);
  message.add_headers()->set_key("traceparent");
  message.mutable_headers(0)->set_value("00-abc");
  const std::string unknown = "\x92\x01\x03yes\xCA\x3E\x02hi";  // Fields 18 and 1001.
  pair.alice.send_bytes(raw_frame(3, message.SerializeAsString() + unknown));
  v1::Message received = pair.bob.read_one().message();
  EXPECT_NE(received.SerializeAsString().find("\xCA\x3E\x02hi"), std::string::npos);
  received.clear_from();
  received.clear_from_session();
  EXPECT_EQ(received.ttl_ms(), 500u);
  EXPECT_EQ(received.in_reply_to(), 7u);
  EXPECT_TRUE(received.maybe_repeated());
  EXPECT_EQ(received.headers(0).value(), "00-abc");
  EXPECT_EQ(received.payload(), std::string("\0\xFF", 2));
}

TEST_P(Frames, PingIsAnsweredAndPongIsHeard) {
  Pair pair(GetParam());
  pair.alice.send(ping_frame(0xFFFFFFFFFFFFFFFF));
  EXPECT_EQ(pair.alice.read_one().pong().nonce(), 0xFFFFFFFFFFFFFFFFu);
  pair.alice.send(ping_frame(0));
  EXPECT_TRUE(pair.alice.read_one().has_pong());
  v1::Frame pong;
  pong.mutable_pong()->set_nonce(3);
  pair.alice.send(pong);
  EXPECT_TRUE(pair.alice.read().empty());
  EXPECT_FALSE(pair.alice.closed());
}

TEST_P(Frames, ThePongComesAfterTheRefusals) {
  Pair pair(GetParam());
  std::string bytes;
  for (uint64_t id = 1; id <= 10; ++id) bytes += wire(message_frame(pair.broker.name_on(id % 2), id, ""));
  bytes += wire(ping_frame(9));
  pair.alice.send_bytes(bytes);
  const std::vector<v1::Frame> frames = pair.alice.read();
  EXPECT_EQ(refused_ids(frames, v1::REASON_UNKNOWN_CLIENT).size(), 10u);
  EXPECT_EQ(frames.back().pong().nonce(), 9u);
}

TEST_P(Frames, GoodbyeIsAnsweredAfterWhatIsDecided) {
  for (const v1::Code code : {v1::CODE_UNSPECIFIED, v1::CODE_NORMAL, v1::CODE_ADMINISTRATIVE}) {
    Pair pair(GetParam());
    pair.alice.set_room(5);
    pair.bob.send(pair.alices_name, 1, "to alice");
    pair.alice.send_bytes(wire(message_frame(pair.bobs_name, 1, "sent before")) + wire(message_frame("", 2, "")) +
                          wire(goodbye_frame(code)) + wire(message_frame(pair.bobs_name, 3, "discarded")) + "\xFF");
    pair.alice.take();
    const std::vector<v1::Frame> frames = pair.alice.read();
    EXPECT_EQ(payloads(frames), std::vector<std::string>{"to alice"});
    // The refusal of "" is decided on shard 0, which is alice's.
    EXPECT_EQ(refused_ids(frames, v1::REASON_UNKNOWN_CLIENT), std::vector<uint64_t>{2});
    EXPECT_EQ(frames.back().goodbye().code(), v1::CODE_NORMAL);
    EXPECT_TRUE(pair.alice.closed());
    EXPECT_EQ(pair.alice.link().how, CloseHow::kGraceful);
    EXPECT_EQ(payloads(pair.bob.read()), std::vector<std::string>{"sent before"});
    const auto ended = pair.broker.notes_of(pair.alice.number(), {Event::Kind::kSessionEnded});
    ASSERT_EQ(ended.size(), 1u);
    EXPECT_EQ(ended[0].code, v1::CODE_NORMAL);
    EXPECT_TRUE(pair.broker.notes_of(pair.alice.number(), {Event::Kind::kConnectionEnded}).empty());
  }
}

TEST_P(Frames, AcksThatSayNothingAreTaken) {
  Pair pair(GetParam());
  v1::Frame ack;
  ack.mutable_ack();
  pair.alice.send(ack);
  ack.mutable_ack()->set_session(pair.alice.connected().session());
  pair.alice.send(ack);
  EXPECT_EQ(pair.broker.counters(0).stale_acks, 0u);
  // Of another session: counted and ignored, whatever it says.
  ack.mutable_ack()->set_session(pair.bob.connected().session());
  ack.mutable_ack()->set_up_to(5);
  pair.alice.send(ack);
  EXPECT_EQ(pair.broker.counters(0).stale_acks, 1u);
  EXPECT_FALSE(pair.alice.closed());
}

TEST_P(Frames, AResumeWhereThereIsNoGateIsIgnored) {
  Pair pair(GetParam());
  pair.alice.send(flow_frame(pair.bobs_name, v1::STATE_RESUME));
  pair.alice.send(flow_frame("nobody", v1::STATE_RESUME));
  pair.alice.send(flow_frame(pair.alices_name, v1::STATE_RESUME));
  EXPECT_TRUE(pair.alice.read().empty());
  EXPECT_TRUE(pair.bob.read().empty());
  EXPECT_FALSE(pair.alice.closed());
}

TEST_P(Frames, UnknownFieldsInControlFramesAreIgnored) {
  Pair pair(GetParam());
  const std::string unknown = "\xCA\x3E\x02hi";
  pair.alice.send_bytes(raw_frame(7, ping_frame(5).ping().SerializeAsString() + unknown));
  EXPECT_EQ(pair.alice.read_one().pong().nonce(), 5u);
  pair.alice.send_bytes(raw_frame(4, unknown));
  pair.alice.send_bytes(raw_frame(6, flow_frame("x", v1::STATE_RESUME).flow().SerializeAsString() + unknown));
  EXPECT_FALSE(pair.alice.closed());
}

TEST_P(Frames, AMessageUpToTheLimitAndAControlFrameUpTo16KiB) {
  Limits limits = small_limits();
  limits.frame_bytes_max = 20 << 10;
  limits.queue_bytes_max = 80 << 10;
  Pair pair(GetParam(), limits);
  v1::Frame frame = message_frame(pair.bobs_name, 1, std::string(20'000, 'x'));
  const size_t missing = limits.frame_bytes_max - frame.ByteSizeLong();
  frame.mutable_message()->mutable_payload()->append(missing, 'y');
  ASSERT_EQ(frame.ByteSizeLong(), limits.frame_bytes_max);
  pair.alice.send(frame);
  EXPECT_EQ(pair.bob.read_one().message().payload(), frame.message().payload());
  v1::Frame goodbye = goodbye_frame(v1::CODE_NORMAL);
  goodbye.mutable_goodbye()->set_text(std::string((16 << 10) - 8, 't'));
  ASSERT_EQ(goodbye.ByteSizeLong(), size_t{16} << 10);
  pair.alice.send(goodbye);
  EXPECT_EQ(pair.alice.read_one().goodbye().code(), v1::CODE_NORMAL);
  frame.mutable_message()->mutable_payload()->push_back('z');
  pair.bob.send(frame);
  expect_ended(pair.broker, pair.bob, v1::CODE_FRAME_TOO_LARGE);
}

}  // namespace
}  // namespace onehop::core::test
