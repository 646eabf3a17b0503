// Records: what one shard writes into a parcel is what the other reads from it.
#include "core/crossing/record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/base/limits.h"
#include "frames.h"

namespace onehop::core {
namespace {

Origin origin(ShardIndex shard, uint32_t index) {
  return {Origin::Kind::kSession, 0, shard, 0, {index, 3}};
}

std::string body_of(size_t payload_bytes) {
  v1::Message message;
  message.set_client("bob");
  message.set_id(77);
  message.set_payload(std::string(payload_bytes, 'p'));
  return message.SerializeAsString();
}

RoutedMessage routed(const std::string& body) {
  RoutedMessage message;
  EXPECT_EQ(scan_message(body, {}, message.scanned), ScanError::kNone);
  message.sender = origin(3, 14);
  message.from_session = 15;
  message.destination_hash = 0xFEDCBA9876543210;
  message.frame_bytes = 92;
  message.from_stamp = "the sender's stamp";
  message.body = body;
  return message;
}

void expect_same(const RoutedMessage& a, const RoutedMessage& b) {
  EXPECT_EQ(a.sender, b.sender);
  EXPECT_EQ(a.from_session, b.from_session);
  EXPECT_EQ(a.destination_hash, b.destination_hash);
  EXPECT_EQ(a.frame_bytes, b.frame_bytes);
  EXPECT_EQ(a.ordered_refusals, b.ordered_refusals);
  EXPECT_EQ(a.from_stamp, b.from_stamp);
  EXPECT_EQ(a.body, b.body);
  EXPECT_EQ(a.scanned.destination_name, b.scanned.destination_name);
  EXPECT_EQ(a.scanned.id, b.scanned.id);
  EXPECT_EQ(a.scanned.confirm, b.scanned.confirm);
  EXPECT_EQ(a.scanned.ttl_ms, b.scanned.ttl_ms);
  EXPECT_EQ(a.scanned.in_reply_to_session, b.scanned.in_reply_to_session);
}

TEST(Record, AMessageOfAnySizeArrivesAsItWas) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{7}, size_t{1'000}, size_t{kInlineBodyBytesMax - 20},
                            size_t{kInlineBodyBytesMax}, size_t{1} << 20}) {
    const std::string body = body_of(size);
    RoutedMessage message = routed(body);
    message.ordered_refusals = size % 2 == 1;
    message.scanned.ttl_ms = 500;
    message.scanned.in_reply_to_session = 600;
    Parcel parcel(kParcelBytes, true);
    ASSERT_LE(message_record_size(message), parcel.room());
    add_message_record(parcel, message);
    EXPECT_EQ(parcel.size(), message_record_size(message));
    Bytes rest = parcel.bytes();
    EXPECT_EQ(peek_record(rest).kind, RecordKind::kMessage);
    const RoutedMessage read = read_message_record(parcel, rest);
    expect_same(read, message);
    EXPECT_TRUE(rest.empty());
    EXPECT_EQ(read.owner != nullptr, body.size() > kInlineBodyBytesMax) << "a body beside the parcel may be kept";
  }
}

TEST(Record, ALargeBodyLeavesTheBlockItWasReceivedIn) {
  const std::string body = body_of(100'000);
  RoutedMessage message = routed(body);
  BufferRef block = Buffer::allocate(200'000);
  message.owner = block.get();
  Parcel parcel(kParcelBytes, true);
  add_message_record(parcel, message);
  EXPECT_EQ(block->references(), 1u);
  EXPECT_EQ(parcel.attached(0)->references(), 1u);
}

TEST(Record, KindsFollowOneAnother) {
  Parcel parcel(kParcelBytes, true);
  const std::string body = body_of(5);
  add_message_record(parcel, routed(body));
  ReceiptRecord receipt{};
  receipt.head = {RecordKind::kReceipt, false, true, 0, static_cast<uint32_t>(padded(sizeof receipt + 5)),
                  origin(1, 2)};
  receipt.recipient = origin(2, 9);
  receipt.first_id = 5;
  receipt.last_id = 8;
  receipt.frame_bytes = 99;
  receipt.fate = {v1::OUTCOME_REJECTED, v1::REASON_REFUSED_BY_RECIPIENT, 33, 44, true};
  receipt.name_size = 5;
  receipt.confirmed = 1;
  char* out = parcel.extend(receipt.head.size);
  std::memcpy(out, &receipt, sizeof receipt);
  const std::string_view words = "words";
  std::copy(words.begin(), words.end(), out + sizeof receipt);
  add_message_record(parcel, routed(body));

  Bytes rest = parcel.bytes();
  expect_same(read_message_record(parcel, rest), routed(body));
  ASSERT_EQ(peek_record(rest).kind, RecordKind::kReceipt);
  const Receipt read = read_receipt_record(rest);
  EXPECT_TRUE(read.gate_closed);
  EXPECT_TRUE(read.confirmed);
  EXPECT_EQ(read.frame_bytes, 99u);
  EXPECT_EQ(read.sender, origin(1, 2));
  EXPECT_EQ(read.ids.first_id, 5u);
  EXPECT_EQ(read.ids.text, "words");
  EXPECT_EQ(read.recipient, origin(2, 9));
  EXPECT_EQ(read.ids.last_id, 8u);
  EXPECT_EQ(read.ids.fate, receipt.fate);
  expect_same(read_message_record(parcel, rest), routed(body));
  EXPECT_TRUE(rest.empty());
}

}  // namespace
}  // namespace onehop::core
