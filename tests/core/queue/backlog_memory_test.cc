// What a backlog holds, and gives back.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdint>

#include "backlog_rig.h"
#include "heap.h"

namespace onehop::core::test {
namespace {

TEST(Backlog, WhatWasOnceFullAndIsEmptyHoldsNothing) {
  Counters totals;
  Backlog backlog{totals};
  send(backlog, 60'000);
  EXPECT_GE(totals.open_bytes + totals.spare_bytes, 60'000 * sizeof(Backlog::Entry));
  take(backlog, 0, backlog.highest_sent());
  backlog.close_holes();
  EXPECT_LE(totals.spare_bytes, 1'024 * sizeof(Backlog::Entry)) << "what is kept while the client is there";
  backlog.free_memory();
  EXPECT_EQ(totals.open_bytes + totals.spare_bytes, sizeof backlog);
}

TEST(Backlog, HalfFullHoldsAboutWhatItSays) {
  ONEHOP_NEEDS_THE_HEAP();
  Counters totals;
  const double before = heap_bytes();
  Backlog backlog{totals};
  send(backlog, 60'000);
  // Every other one: below the half from which on holes are closed.
  for (uint64_t tag = 1; tag < 59'000; tag += 2) backlog.settle(*backlog.find_open(tag));
  backlog.close_holes();
  const double held = heap_bytes() - before;
  EXPECT_NEAR(static_cast<double>(totals.open_bytes + totals.spare_bytes) / held, 1, 0.2);
}

TEST(Backlog, AMessageInABlockOfItsOwnIsNotCopied) {
  Counters totals;
  Backlog one{totals};
  Backlog other{totals};
  const uint64_t empty = totals.spare_bytes;
  RoutedMessage message = routed(7);
  BufferRef block = Buffer::allocate(5 + 2'000);
  message.owner = block.get();
  message.from_stamp = {block->data(), 5};
  message.body = {block->data() + 5, 2'000};
  for (Backlog* backlog : {&one, &other}) {
    EXPECT_EQ(backlog->add(message, kNow + 1'000).body().data(), message.body.data());
    backlog->mark_sent();
    EXPECT_GE(totals.open_bytes, 2'005u) << "it counts for each";
  }
  EXPECT_EQ(block->references(), 3u);
  for (Backlog* backlog : {&one, &other}) {
    take(*backlog, 0, 1);
    backlog->close_holes();
    backlog->free_memory();
  }
  EXPECT_EQ(block->references(), 1u);
  EXPECT_EQ(totals.spare_bytes, empty);
  EXPECT_EQ(totals.open_bytes, 0u);
  // A block with more in it would be kept for the sake of a part of it.
  message.body.remove_suffix(10);
  EXPECT_NE(one.add(message, kNow + 1'000).body().data(), message.body.data());
}

TEST(Backlog, AFewThatStayOpenDoNotKeepTheBlocksOfAllTheRest) {
  Counters totals;
  Backlog backlog{totals};
  send(backlog, 20'000);
  for (uint64_t tag = 1; tag <= 20'000; ++tag) {
    if (tag % 1'000 != 0) backlog.settle(*backlog.find_open(tag));
  }
  backlog.close_holes();
  size_t kept = 0;
  size_t wanted = 0;
  backlog.for_each([&](Backlog::Entry& entry) {
    EXPECT_EQ(entry.stamp(), "stamp");
    EXPECT_EQ(entry.body(), "the body");
    kept += entry.block->capacity() / (entry.block->references() - (entry.tag == 20'000 ? 1 : 0));
    wanted += entry.size();
  });
  // The last shares its block with what is to come.
  EXPECT_LE(kept, 4 * wanted + (16u << 10));
}

TEST(Backlog, AMillionMessagesLeaveItAsItWas) {
  Counters totals;
  Backlog backlog{totals};
  const auto round = [&backlog](uint64_t messages) {
    for (uint64_t done = 0; done < messages; done += 128) {
      send(backlog, 128);
      // In the order a pool of workers ends: every other one first.
      for (uint64_t tag = backlog.highest_sent() - 127; tag <= backlog.highest_sent(); tag += 2) {
        backlog.settle(*backlog.find_open(tag));
        backlog.close_holes();
      }
      take(backlog, 0, backlog.highest_sent());
      backlog.close_holes();
    }
  };
  round(1'000);
  const size_t before = mallinfo2().uordblks;
  round(1'000'000);
  EXPECT_LE(mallinfo2().uordblks, before + 1'024);
  EXPECT_TRUE(backlog.empty());
}

}  // namespace
}  // namespace onehop::core::test
