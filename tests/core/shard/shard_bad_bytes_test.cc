// Bad bytes: each input of the contract's table, in each state a client can be in, gets the goodbye it says, as the
// last thing on a connection that is then closed in order, with one note, and nobody else is disturbed.
#include <gtest/gtest.h>

#include "pair.h"

namespace onehop::core::test {
namespace {

using namespace std::string_literals;

struct BadInput {
  std::string what;
  std::string bytes;
  v1::Code code = v1::CODE_PROTOCOL_ERROR;
};

std::string message_with(const std::string& fields) {
  return raw_frame(3, "\x0A\x03"s + "bob" + fields);
}

std::string ack_with(void (*set)(v1::Ack&)) {
  v1::Frame frame;
  set(*frame.mutable_ack());
  return wire(frame);
}

std::string flow_with(void (*set)(v1::Flow&)) {
  v1::Frame frame = flow_frame("bob", v1::STATE_RESUME);
  set(*frame.mutable_flow());
  return wire(frame);
}

void add_framing_errors(std::vector<BadInput>& inputs) {
  inputs.push_back({"length 0", "\0"s});
  inputs.push_back({"length 0 in two bytes", "\x80\0"s});
  inputs.push_back({"a length over five bytes", "\xFF\xFF\xFF\xFF\xFF\x01"});
  inputs.push_back({"a frame over frame_bytes_max, told by its length", "\x81\x80\x40", v1::CODE_FRAME_TOO_LARGE});
  const std::string unknown_field = "\x7A\x81\x80\x01"s + std::string((16 << 10) + 1, 'x');
  inputs.push_back({"a ping over 16 KiB", raw_frame(7, unknown_field), v1::CODE_FRAME_TOO_LARGE});
  inputs.push_back({"an ack over 16 KiB", raw_frame(4, unknown_field), v1::CODE_FRAME_TOO_LARGE});
  inputs.push_back({"a frame without a field", delimited("\x1A")});
  inputs.push_back({"a frame of another wire type", delimited("\x08\x01")});
  inputs.push_back({"two fields in a frame",
                    delimited(ping_frame(1).SerializeAsString() + message_frame("bob", 1, "").SerializeAsString())});
  inputs.push_back({"a field past the frame's end", delimited("\x3A\x05\x09")});
}

void add_wrong_kinds(std::vector<BadInput>& inputs) {
  inputs.push_back({"Connect twice", wire(connect_frame("again"))});
  for (const int number : {2, 5, 10, 11, 12, 15}) {
    inputs.push_back({"a frame a client may not send: " + std::to_string(number), raw_frame(number, "")});
  }
  inputs.push_back({"kind 20", delimited("\xA2\x01\0"s)});
  inputs.push_back({"kind 100", delimited("\xA2\x06\0"s)});
  for (const int number : {4, 6, 7, 8, 9}) {
    inputs.push_back({"a body that does not parse: " + std::to_string(number), raw_frame(number, "\x0F")});
  }
}

void add_messages(std::vector<BadInput>& inputs) {
  inputs.push_back({"no destination", raw_frame(3, "\x28\x01")});
  inputs.push_back({"an empty message", raw_frame(3, "")});
  inputs.push_back({"two destinations", message_with("\x12\x01t")});
  inputs.push_back({"a destination that is not UTF-8", raw_frame(3, "\x0A\x02\xC3\x28")});
  inputs.push_back({"a field twice", message_with("\x28\x01\x28\x02")});
  inputs.push_back({"a group", message_with("\x93\x01\x94\x01")});
  inputs.push_back({"a broker's field: from", message_with("\x22\x01m")});
  inputs.push_back({"a broker's field: delivery_tag", message_with("\x38\x01")});
  inputs.push_back({"a broker's field: redelivered", message_with("\x50\x01")});
  inputs.push_back({"a broker's field: from_session", message_with("\x61\x01\0\0\0\0\0\0\0"s)});
  inputs.push_back({"a broker's field: ttl_left_ms", message_with("\x70\x01")});
  for (int number = 24; number <= 31; ++number) {
    const std::string tag{static_cast<char>((number << 3 & 0x7F) | 0x80), '\x01'};
    inputs.push_back({"a broker's field: " + std::to_string(number), message_with(tag + "\x01")});
  }
  inputs.push_back({"DELIVERED without an id", message_with("\x30\x01")});
  inputs.push_back({"an unknown confirm level without an id", message_with("\x30\x02")});
  inputs.push_back({"the same id again", message_with("\x28\x05") + message_with("\x28\x05")});
  inputs.push_back({"an id that falls", message_with("\x28\x05") + message_with("\x28\x04")});
}

void add_flow_and_acks(std::vector<BadInput>& inputs) {
  inputs.push_back({"Flow PAUSE", wire(flow_frame("bob", v1::STATE_PAUSE))});
  inputs.push_back({"Flow without a state", wire(flow_frame("bob", v1::STATE_UNSPECIFIED))});
  inputs.push_back({"Flow with a topic", flow_with([](v1::Flow& flow) { flow.set_topic("t"); })});
  inputs.push_back({"Flow with a service", flow_with([](v1::Flow& flow) { flow.set_service("s"); })});
  inputs.push_back({"Flow without a target", flow_with([](v1::Flow& flow) { flow.clear_target(); })});
  inputs.push_back({"Flow with a bad name", wire(flow_frame("two words", v1::STATE_RESUME))});
  inputs.push_back({"an ack of a tag never given", ack_with([](v1::Ack& ack) { ack.set_up_to(1); })});
  inputs.push_back(
      {"a refusal of a tag never given", ack_with([](v1::Ack& ack) { ack.add_refused()->set_delivery_tag(1); })});
  inputs.push_back({"a range of tags never given", ack_with([](v1::Ack& ack) { ack.add_taken()->set_last(1); })});
  inputs.push_back({"an ack of receipts never sent", ack_with([](v1::Ack& ack) { ack.set_receipts_up_to(1); })});
}

std::vector<BadInput> bad_inputs() {
  std::vector<BadInput> inputs;
  add_framing_errors(inputs);
  add_wrong_kinds(inputs);
  add_messages(inputs);
  add_flow_and_acks(inputs);
  return inputs;
}

// Two that exchange messages meanwhile.
class Bystanders {
 public:
  explicit Bystanders(FakeBroker& broker) : one_(broker, "one"), two_(broker, "two", 1) {}

  void exchange() {
    ++sent_;
    one_.send("two", sent_, "there");
    two_.send("one", sent_, "and back");
  }
  void expect_undisturbed() {
    exchange();
    EXPECT_EQ(payloads(one_.read()), std::vector<std::string>(sent_, "and back"));
    EXPECT_EQ(payloads(two_.read()), std::vector<std::string>(sent_, "there"));
  }

 private:
  FakeClient one_;
  FakeClient two_;
  uint64_t sent_ = 0;
};

class BadBytes : public OnOneShardAndOnTwo {};
INSTANTIATE_TEST_SUITE_P(, BadBytes, testing::Values(0, 1), shards_in_words);

TEST_P(BadBytes, WhileNothingElseGoesOn) {
  for (const BadInput& input : bad_inputs()) {
    SCOPED_TRACE(input.what);
    FakeBroker broker(2);
    Bystanders bystanders(broker);
    FakeClient bad(broker, broker.name_on(GetParam()));
    bystanders.exchange();
    const std::string before = wire(message_frame(bad.connected().name(), 1, "before"));
    const std::string after = wire(message_frame("one", 1'000, "after"));
    bad.send_bytes(before);
    EXPECT_EQ(payloads(bad.read()), std::vector<std::string>{"before"});
    bad.send_bytes(input.bytes + after);
    expect_ended(broker, bad, input.code);
    EXPECT_EQ(broker.notes_of(bad.number(), {Event::Kind::kSessionEnded}).size(), 1u);
    bystanders.expect_undisturbed();
    FakeClient next(broker, bad.connected().name());
  }
}

TEST_P(BadBytes, InSmallPieces) {
  for (const BadInput& input : bad_inputs()) {
    SCOPED_TRACE(input.what);
    FakeBroker broker(2);
    FakeClient bad(broker, broker.name_on(GetParam()));
    const size_t piece = input.bytes.size() < 1'000 ? 1 : 1'000;
    for (size_t at = 0; at < input.bytes.size() && !bad.closed(); at += piece) {
      bad.send_bytes(input.bytes.substr(at, piece));
    }
    expect_ended(broker, bad, input.code);
  }
}

TEST_P(BadBytes, AFrameBegunIsFinishedAndTheRestDropped) {
  for (const BadInput& input : bad_inputs()) {
    SCOPED_TRACE(input.what);
    FakeBroker broker(2);
    Bystanders bystanders(broker);
    FakeClient bad(broker, broker.name_on(GetParam()));
    FakeClient carol(broker, "carol");
    bad.set_room(5);
    const std::string& name = bad.connected().name();
    for (const char* payload : {"first", "second", "third"}) carol.send(name, 0, payload);
    bad.send_bytes(input.bytes);
    EXPECT_FALSE(bad.closed());
    bystanders.exchange();
    bad.take(1);
    bad.take();
    EXPECT_EQ(payloads(expect_ended(broker, bad, input.code)), std::vector<std::string>{"first"});
    EXPECT_EQ(broker.counters(GetParam()).messages_dropped, 2u);
    EXPECT_EQ(broker.counters(GetParam()).queued_bytes, 0u);
    bystanders.expect_undisturbed();
  }
}

TEST_P(BadBytes, PipelinedBehindConnect) {
  for (const BadInput& input : bad_inputs()) {
    SCOPED_TRACE(input.what);
    for (const bool answer_later : {false, true}) {
      FakeBroker broker(2);
      broker.answer_later = answer_later;
      FakeClient bad(broker, ShardIndex{0});
      const std::string name = broker.name_on(GetParam());
      bad.send_bytes(wire(connect_frame(name)) + wire(message_frame("nobody", 1, "")) + input.bytes);
      if (answer_later) broker.answer(broker.asked.at(0), broker.verdict);
      // Connected has not been written when the goodbye is decided, so it is dropped, and the goodbye says all.
      const std::vector<v1::Frame> frames = bad.read();
      ASSERT_EQ(frames.size(), 1u);
      EXPECT_EQ(frames[0].goodbye().code(), input.code);
      EXPECT_TRUE(bad.closed());
      EXPECT_EQ(bad.link().how, CloseHow::kGraceful);
      EXPECT_EQ(broker.notes_of(bad.number(), {Event::Kind::kConnectionEnded}).size(), 1u);
    }
  }
}

TEST(BadFirstFrame, EachIsRefused) {
  const std::string bad_name = wire(connect_frame("two words"));
  const std::string connect = connect_frame("bob").SerializeAsString();
  const std::string large_connect = "\x81\x80\x01"s + connect;
  std::vector<BadInput> inputs{
      {"length 0", "\0"s},
      {"a length over five bytes", "\xFF\xFF\xFF\xFF\xFF\x01"},
      {"over 16 KiB", large_connect, v1::CODE_FRAME_TOO_LARGE},
      {"not Connect", wire(message_frame("bob", 1, "x"))},
      {"not Connect either", wire(ping_frame(1))},
      {"two fields", delimited(connect + connect)},
      {"a bad name", bad_name},
      {"a name that is not UTF-8", raw_frame(1, "\x0A\x02\xC3\x28")},
      {"Connect that does not parse", raw_frame(1, "\x0F")},
      {"HTTP", "GET / HTTP/1.1\r\nHost: example\r\n\r\n"},
      {"TLS", "\x16\x03\x01\x02\0\x01\0"s},
      {"SSH", "SSH-2.0-OpenSSH_9.2p1\r\n"},
  };
  for (const BadInput& input : inputs) {
    SCOPED_TRACE(input.what);
    for (const size_t piece : {size_t{1}, size_t{2}, input.bytes.size()}) {
      FakeBroker broker(2);
      Bystanders bystanders(broker);
      bystanders.exchange();
      FakeClient bad(broker);
      for (size_t at = 0; at < input.bytes.size() && !bad.closed(); at += piece) {
        bad.send_bytes(input.bytes.substr(at, piece));
      }
      EXPECT_TRUE(expect_ended(broker, bad, input.code).empty());
      EXPECT_EQ(broker.counters().connects_refused, 1u);
      bystanders.expect_undisturbed();
    }
  }
}

TEST(BadFirstFrame, TheRefusedNameIsNoted) {
  FakeBroker broker;
  FakeClient bad(broker);
  bad.send(connect_frame("two words"));
  const auto refused = broker.notes_of(bad.number(), {Event::Kind::kConnectRefused});
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].name, "two words");
  EXPECT_EQ(refused[0].session, 0u);
}

TEST(BadBytesAfterTheEnd, AreDiscarded) {
  FakeBroker broker;
  FakeClient bad(broker, "bad");
  bad.set_room(0);
  bad.send_bytes("\0"s);
  bad.send_bytes(std::string(100'000, '\xFF'));
  bad.end_stream();
  EXPECT_TRUE(bad.link().reading) << "what still comes is read and discarded";
  bad.take();
  expect_ended(broker, bad, v1::CODE_PROTOCOL_ERROR);
}

TEST(BadBytesOfABlockedClient, TheCloseDoesNotWaitForEver) {
  FakeBroker broker;
  FakeClient bad(broker, "bad");
  bad.set_room(0);
  bad.send_bytes("\0"s);
  broker.advance(kClosingDeadlineMs - 1);
  EXPECT_FALSE(bad.closed());
  broker.advance(20);
  EXPECT_TRUE(bad.closed());
  EXPECT_EQ(bad.link().how, CloseHow::kAtOnce);
  EXPECT_EQ(broker.counters().links, 0u);
  EXPECT_EQ(broker.counters().queued_bytes, 0u);
}

// At the deadline what counts is whether the goodbye has gone out: a close at once could destroy it on its way.
TEST(BadBytesOfABlockedClient, AGoodbyeThatGoesOutAtTheDeadlineIsNotCutOff) {
  FakeBroker broker;
  FakeClient bad(broker, "bad");
  bad.set_room(0);
  bad.send_bytes("\0"s);
  broker.advance(kClosingDeadlineMs - 1);
  bad.set_room(SIZE_MAX);
  broker.now = broker.now + 20;
  broker.settle();
  EXPECT_TRUE(bad.closed());
  EXPECT_EQ(bad.link().how, CloseHow::kGraceful);
}

}  // namespace
}  // namespace onehop::core::test
