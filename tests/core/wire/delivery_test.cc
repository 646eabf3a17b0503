// A delivery: the broker's fields in front, the sender's bytes as they came, whether copied or referred to.
#include "core/wire/delivery.h"

#include <gtest/gtest.h>

#include <string>

#include "core/base/limits.h"
#include "core/wire/name_stamp.h"
#include "frames.h"

namespace onehop::core {
namespace {

std::string queued(const OutputQueue& queue) {
  std::vector<Iov> pieces(100);
  std::string bytes;
  const size_t count = queue.gather(pieces);
  for (size_t i = 0; i < count; ++i) bytes.append(pieces[i].data, pieces[i].size);
  return bytes;
}

// What a recipient gets of a message with this payload; `by_reference` gives the body's block along.
v1::Message delivered(uint64_t id, size_t payload, bool by_reference) {
  SegmentPool pool;
  OutputQueue queue;
  const NameStamp stamp("alice");
  v1::Message sent;
  sent.set_client("bob");
  sent.set_id(id);
  sent.set_payload(std::string(payload, 'p'));
  const std::string body = sent.SerializeAsString();
  BufferRef block = Buffer::allocate(body.size() + 100);
  std::memcpy(block->data(), body.data(), body.size());
  RoutedMessage message;
  message.body = {block->data(), body.size()};
  EXPECT_EQ(scan_message(message.body, {}, message.scanned), ScanError::kNone);
  message.from_session = 0x0102030405060708;
  message.from_stamp = stamp.stamp();
  message.owner = by_reference ? block.get() : nullptr;
  const Delivery delivery(message);
  delivery.append_to(queue, pool);
  EXPECT_EQ(queue.bytes(), delivery.size());
  EXPECT_EQ(block->references(), by_reference && body.size() >= kReferenceBytesMin ? 2u : 1u);
  const std::string bytes = queued(queue);
  queue.clear(pool);
  uint64_t length = 0;
  const char* frame = read_varint(bytes.data(), bytes.data() + bytes.size(), 5, length);
  EXPECT_EQ(frame + length, bytes.data() + bytes.size());
  EXPECT_EQ(Bytes(bytes).substr(bytes.size() - body.size()), body) << "the sender's bytes come last, untouched";
  v1::Frame read;
  EXPECT_TRUE(read.ParseFromArray(frame, static_cast<int>(length)));
  return read.message();
}

TEST(Delivery, IsTheSendersMessageWithTheBrokersFields) {
  for (const bool by_reference : {false, true}) {
    for (const size_t payload : {size_t{0}, size_t{100}, size_t{2'000}, size_t{2'048}, size_t{70'000}}) {
      const v1::Message message = delivered(17, payload, by_reference);
      EXPECT_EQ(message.from(), "alice");
      EXPECT_EQ(message.from_session(), 0x0102030405060708u);
      EXPECT_EQ(message.client(), "bob");
      EXPECT_EQ(message.id(), 17u);
      EXPECT_EQ(message.delivery_tag(), 0u);
      EXPECT_EQ(message.payload(), std::string(payload, 'p'));
    }
  }
}

TEST(Delivery, WithoutAnIdThereIsNoSessionToName) {
  const v1::Message message = delivered(0, 10, false);
  EXPECT_EQ(message.from_session(), 0u);
  EXPECT_EQ(message.from(), "alice");
}

}  // namespace
}  // namespace onehop::core
