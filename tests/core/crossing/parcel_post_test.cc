// The post: messages need credit, control never does, and all of it stays in one order.
#include "core/crossing/parcel_post.h"

#include <gtest/gtest.h>

#include <string>

namespace onehop::core {
namespace {

Origin origin(uint32_t index) {
  return {Origin::Kind::kSession, 0, 0, 0, {index, 1}};
}

RoutedMessage routed(Bytes body, uint64_t id) {
  RoutedMessage message;
  message.sender = origin(1);
  message.from_stamp = "stamp";
  message.body = body;
  message.scanned.id = id;
  message.scanned.destination_name = body.substr(0, 3);
  return message;
}

Receipt receipt(uint32_t sender, uint64_t id, v1::Reason reason = v1::REASON_UNKNOWN_CLIENT) {
  return {origin(sender), {}, false, false, 100, {id, id, {v1::OUTCOME_REJECTED, reason, 0, 0, false}, {}}};
}

struct Read {
  RecordKind kind;
  uint64_t first_id = 0;
  uint64_t last_id = 0;
  std::string name;
  friend bool operator==(const Read&, const Read&) = default;
};

std::vector<Read> read_all(const std::vector<Parcel>& parcels) {
  std::vector<Read> all;
  for (const Parcel& parcel : parcels) {
    for (Bytes rest = parcel.bytes(); !rest.empty();) {
      Read& read = all.emplace_back(Read{peek_record(rest).kind, 0, 0, {}});
      Bytes name;
      switch (read.kind) {
        case RecordKind::kMessage:
          read.first_id = read.last_id = read_message_record(parcel, rest).scanned.id;
          break;
        case RecordKind::kReceipt: {
          const FateOfIds ids = read_receipt_record(rest).ids;
          read.first_id = ids.first_id;
          read.last_id = ids.last_id;
          read.name = ids.text;
          break;
        }
        default:
          read.first_id = read_name_record(rest, name).number;
          read.name = name;
          break;
      }
    }
  }
  return all;
}

TEST(ParcelPost, MessagesNeedCredit) {
  ParcelPost post;
  const std::string body(10'000, 'x');
  uint64_t sent = 0;
  while (post.add_message(routed(body, sent + 1))) ++sent;
  EXPECT_FALSE(post.has_credit());
  std::vector<Parcel> parcels = post.take_filled();
  ASSERT_EQ(parcels.size(), kParcelsPerPair);
  EXPECT_EQ(sent, kParcelsPerPair * (kParcelBytes / message_record_size(routed(body, 1))));
  EXPECT_FALSE(post.add_message(routed(body, 1))) << "taken away, but not given back";
  std::vector<Read> expected;
  for (uint64_t id = 1; id <= sent; ++id) expected.push_back({RecordKind::kMessage, id, id, {}});
  EXPECT_EQ(read_all(parcels), expected);

  parcels[3].clear();
  post.credit(std::move(parcels[3]));
  EXPECT_TRUE(post.has_credit());
  EXPECT_TRUE(post.add_message(routed(body, 1)));
  EXPECT_FALSE(post.has_credit());
  EXPECT_EQ(post.take_filled().size(), 1u);
}

TEST(ParcelPost, ABodyOfAnySizeFits) {
  ParcelPost post;
  const std::string body(size_t{3} << 20, 'x');
  for (uint64_t id = 1; id <= kParcelsPerPair; ++id) EXPECT_TRUE(post.add_message(routed(body, id)));
  EXPECT_EQ(post.take_filled().size(), kParcelsPerPair);
}

// What waits between two shards is bounded in bytes, too.
TEST(ParcelPost, BodiesBesideAParcelFillIt) {
  ParcelPost post;
  const std::string body(100 << 10, 'x');
  uint64_t id = 0;
  while (post.add_message(routed(body, ++id))) ASSERT_LT(id, 1'000u);
  EXPECT_LE(id * body.size(), kParcelsPerPair * (kAttachedBytesMax + body.size()));
  EXPECT_GE(id * body.size(), kParcelsPerPair * kAttachedBytesMax);
}

TEST(ParcelPost, ControlNeedsNoCreditAndKeepsTheOrder) {
  ParcelPost post;
  const std::string body(16'000, 'x');
  std::vector<Read> expected;
  uint64_t id = 0;
  while (post.add_message(routed(body, ++id))) {
    expected.push_back({RecordKind::kMessage, id, id, {}});
    post.add_receipt(receipt(static_cast<uint32_t>(id), id));
    expected.push_back({RecordKind::kReceipt, id, id, {}});
  }
  for (uint32_t i = 0; i < 1'000; ++i) {
    post.add_receipt(receipt(i, 1'000));
    expected.push_back({RecordKind::kReceipt, 1'000, 1'000, {}});
  }
  const std::vector<Parcel> parcels = post.take_filled();
  EXPECT_EQ(read_all(parcels), expected);
  size_t counted = 0;
  for (const Parcel& parcel : parcels) counted += parcel.counts() ? 1 : 0;
  EXPECT_EQ(counted, kParcelsPerPair);
  EXPECT_GT(parcels.size(), counted);
}

TEST(ParcelPost, TheNameOfAControlRecordArrives) {
  ParcelPost post;
  const std::string long_name(255, 'n');
  for (const std::string& name : {std::string("bob"), long_name, std::string("12345678")}) {
    post.add_control(NameRecord{{RecordKind::kFlow, false, false, v1::STATE_PAUSE, 0, origin(1)}, 900, 0}, name);
  }
  EXPECT_EQ(read_all(post.take_filled()), (std::vector<Read>{{RecordKind::kFlow, 900, 0, "bob"},
                                                             {RecordKind::kFlow, 900, 0, long_name},
                                                             {RecordKind::kFlow, 900, 0, "12345678"}}));
}

TEST(ParcelPost, ReceiptsThatFollowOneAnotherMakeARange) {
  ParcelPost post;
  for (const uint64_t id : {5u, 6u, 7u}) post.add_receipt(receipt(1, id));
  post.add_receipt(receipt(2, 8));
  post.add_receipt(receipt(2, 9, v1::REASON_TOO_LARGE));
  post.add_receipt(receipt(2, 11, v1::REASON_TOO_LARGE));
  Receipt closing = receipt(2, 12, v1::REASON_TOO_LARGE);
  closing.gate_closed = true;
  post.add_receipt(closing);
  const std::vector<Read> expected{{RecordKind::kReceipt, 5, 7, {}},
                                   {RecordKind::kReceipt, 8, 8, {}},
                                   {RecordKind::kReceipt, 9, 9, {}},
                                   {RecordKind::kReceipt, 11, 11, {}},
                                   {RecordKind::kReceipt, 12, 12, {}}};
  EXPECT_EQ(read_all(post.take_filled()), expected);
}

TEST(ParcelPost, ARangeSumsTheFramesAndConfirmedOnesAreApart) {
  ParcelPost post;
  Receipt confirmed = receipt(1, 7);
  confirmed.confirmed = true;
  for (const uint64_t id : {5u, 6u}) post.add_receipt(receipt(1, id));
  for (; confirmed.ids.first_id <= 9; confirmed.ids.last_id = ++confirmed.ids.first_id) post.add_receipt(confirmed);
  const std::vector<Parcel> parcels = post.take_filled();
  Bytes rest = parcels.at(0).bytes();
  const Receipt first = read_receipt_record(rest);
  EXPECT_FALSE(first.confirmed);
  EXPECT_EQ(first.frame_bytes, 200u);
  const Receipt second = read_receipt_record(rest);
  EXPECT_TRUE(second.confirmed);
  EXPECT_EQ(second.ids.first_id, 7u);
  EXPECT_EQ(second.ids.last_id, 9u);
  EXPECT_EQ(second.frame_bytes, 300u);
  EXPECT_TRUE(rest.empty());
}

TEST(ParcelPost, TheRecipientsWordsArriveAndMakeNoRange) {
  ParcelPost post;
  for (const uint64_t id : {5u, 6u}) {
    Receipt refused = receipt(1, id, v1::REASON_REFUSED_BY_RECIPIENT);
    refused.ids.text = std::string(256, 'n');
    post.add_receipt(refused);
  }
  post.add_receipt(receipt(1, 7, v1::REASON_REFUSED_BY_RECIPIENT));
  const std::string words(256, 'n');
  EXPECT_EQ(read_all(post.take_filled()), (std::vector<Read>{{RecordKind::kReceipt, 5, 5, words},
                                                             {RecordKind::kReceipt, 6, 6, words},
                                                             {RecordKind::kReceipt, 7, 7, {}}}));
}

TEST(ParcelPost, WhatIsOnItsWayDoesNotGrow) {
  ParcelPost post;
  post.add_receipt(receipt(1, 5));
  const std::vector<Parcel> first = post.take_filled();
  EXPECT_FALSE(post.has_filled());
  post.add_receipt(receipt(1, 6));
  EXPECT_TRUE(post.has_filled());
  EXPECT_EQ(read_all(first), (std::vector<Read>{{RecordKind::kReceipt, 5, 5, {}}}));
  EXPECT_EQ(read_all(post.take_filled()), (std::vector<Read>{{RecordKind::kReceipt, 6, 6, {}}}));
}

}  // namespace
}  // namespace onehop::core
