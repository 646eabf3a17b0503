// The broker's own frames, as protobuf reads them.
#include "core/wire/control_frames.h"

#include <gtest/gtest.h>

#include <array>

#include "frames.h"

namespace onehop::core {
namespace {

std::string appended(const v1::Frame& frame) {
  SegmentPool pool;
  OutputQueue queue;
  const size_t size = append_frame(queue, pool, frame);
  std::array<Iov, 1> piece;
  EXPECT_EQ(queue.gather(piece), 1u);
  const std::string bytes(piece[0].data, piece[0].size);
  EXPECT_EQ(size, bytes.size());
  queue.clear(pool);
  return bytes;
}

TEST(ControlFrames, AreDelimitedAsProtobufDoes) {
  EXPECT_EQ(appended(test::ping_frame(5)), test::wire(test::ping_frame(5)));
  const v1::Frame long_frame = test::message_frame("bob", 1, std::string(100'000, 'x'));
  EXPECT_EQ(appended(long_frame), test::wire(long_frame));
}

v1::Goodbye goodbye(const Farewell& farewell) {
  SegmentPool pool;
  OutputQueue queue;
  append_goodbye(queue, pool, farewell);
  std::array<Iov, 1> piece;
  queue.gather(piece);
  v1::Frame frame;
  EXPECT_TRUE(frame.ParseFromArray(piece[0].data + 1, static_cast<int>(piece[0].size - 1)));
  queue.clear(pool);
  return frame.goodbye();
}

TEST(ControlFrames, AGoodbyeSaysWhy) {
  const v1::Goodbye busy = goodbye({v1::CODE_SERVER_BUSY, "too many", 250});
  EXPECT_EQ(busy.code(), v1::CODE_SERVER_BUSY);
  EXPECT_EQ(busy.text(), "too many");
  EXPECT_EQ(busy.retry_after_ms(), 250u);
  EXPECT_EQ(busy.max_protocol_version(), 0u);
  EXPECT_EQ(goodbye({v1::CODE_UNSUPPORTED_VERSION, "", 0}).max_protocol_version(), 1u);
}

}  // namespace
}  // namespace onehop::core
