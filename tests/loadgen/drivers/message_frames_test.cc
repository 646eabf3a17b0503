// The generator writes the same frames as the client library, and reads the same from them.
#include "loadgen/drivers/message_frames.h"

#include <gtest/gtest.h>

#include "core/wire/frame_decoder.h"
#include "loadgen/measure/random.h"

namespace onehop::loadgen {
namespace {

std::string written_by_library(client::Confirm confirm, uint64_t id, const Outgoing& message, Bytes payload) {
  client::SendOptions options;
  options.confirm = confirm;
  options.ttl_ms = message.ttl_ms;
  options.in_reply_to = message.in_reply_to;
  options.in_reply_to_session = message.in_reply_to_session;
  const client::BodyWriter body(message.to, payload, options);
  const client::FrameSize size(id, body.size());
  std::string frame(size.head_bytes + body.size(), '\0');
  body.write(client::write_message_head(frame.data(), id, size));
  return frame;
}

TEST(MessageFrames, AreWrittenAsTheLibraryWritesThem) {
  Random random(5);
  for (const client::Confirm confirm : {client::Confirm::kRefusals, client::Confirm::kDelivered}) {
    MessageWriter writer(confirm);
    uint64_t id = 0;
    for (int i = 0; i < 20'000; ++i) {
      // There are runs of similar messages, ids that grow longer, and now and then something else.
      const std::string to = "client-" + std::to_string(random.below(10) == 0 ? random.below(200) : 7);
      const std::string payload(random.below(10) == 0 ? random.below(300) : 128, static_cast<char>(random.below(256)));
      Outgoing message;
      message.to = to;
      if (random.below(20) == 0) message.ttl_ms = random.below(1'000);
      if (random.below(20) == 0) message.in_reply_to = random.below(1'000);
      if (random.below(20) == 0) message.in_reply_to_session = random.next();
      id = random.below(30) == 0 ? 0 : id + 1 + random.below(3);
      Output out;
      const size_t frame_bytes = writer.write(out, id, message, payload);
      const std::string expected = written_by_library(confirm, id, message, payload);
      ASSERT_EQ(out.bytes(), expected) << i;
      uint64_t length = 0;
      size_t prefix_size = 0;
      ASSERT_EQ(core::parse_length(expected, length, prefix_size), core::LengthState::kComplete);
      ASSERT_EQ(frame_bytes, length);
    }
  }
}

// The bytes are nearly messages: some are, some are not, and both readers agree on all of them.
TEST(MessageFrames, AreReadAsTheLibraryReadsThem) {
  const std::string good =
      "\x22\x03"
      "amy"
      "\x2a\x02"
      "xx"
      "\x28\x05\x38\x91\x01\x61"
      "12345678"
      "\x0a\x03"
      "bob"
      "\x65"
      "1234"
      "\x7a\x04"
      "data";
  Random random(6);
  int messages = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string body = good.substr(0, good.size() - (random.below(4) == 0 ? random.below(10) : 0));
    for (uint32_t change = random.below(3); change != 0; --change) {
      body[random.below(static_cast<uint32_t>(body.size()))] = static_cast<char>(random.below(256));
    }
    ArrivedMessage ours;
    client::Message theirs;
    std::vector<client::Header> headers;
    const bool read = read_message(body, ours);
    // Both read the same fields, except that ours skips headers and refuses a tag of more than five bytes.
    if (!client::read_message(body, headers, theirs)) {
      EXPECT_TRUE(!read || body.find('\x5a') != std::string::npos) << i;
      continue;
    }
    if (!read) continue;
    ++messages;
    ASSERT_EQ(ours.id, theirs.id);
    ASSERT_EQ(ours.delivery_tag, theirs.tag.tag);
    ASSERT_EQ(ours.from_session, theirs.from_session);
    ASSERT_EQ(ours.payload, theirs.payload);
  }
  EXPECT_GT(messages, 50'000);
}

TEST(MessageFrames, OneLikeTheLastIsKnownByItsBeginning) {
  const Outgoing message{.to = "bob"};
  const std::string first = written_by_library(client::Confirm::kRefusals, 0, message, "first");
  const std::string other = written_by_library(client::Confirm::kRefusals, 0, message, "other");
  const std::string longer = written_by_library(client::Confirm::kRefusals, 0, message, "longer");
  const std::string numbered = written_by_library(client::Confirm::kRefusals, 1, message, "first");
  const auto remember = [](LastMessage& last, const std::string& frame) {
    core::FrameField field;
    ArrivedMessage arrived;
    ASSERT_EQ(core::scan_frame(Bytes(frame).substr(1), field), core::ScanError::kNone);
    ASSERT_TRUE(read_message(field.body, arrived));
    last.remember(frame, arrived);
  };
  LastMessage last;
  EXPECT_FALSE(last.is_repeated_by(first));
  remember(last, numbered);
  EXPECT_FALSE(last.is_repeated_by(numbered)) << "its number is its own";
  remember(last, first);
  const std::string both = other + longer;
  EXPECT_TRUE(last.is_repeated_by(both));
  EXPECT_EQ(last.payload_in(both), "other");
  EXPECT_EQ(last.frame_bytes(), other.size());
  EXPECT_FALSE(last.is_repeated_by(other.substr(0, other.size() - 1))) << "not all there";
  EXPECT_FALSE(last.is_repeated_by(longer));
  EXPECT_FALSE(last.is_repeated_by(numbered));
  EXPECT_FALSE(last.is_repeated_by(""));
}

}  // namespace
}  // namespace onehop::loadgen
