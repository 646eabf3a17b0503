// The sender table: PAUSE once a lease, gates that nothing but their opening opens, bounds on both.
#include "core/queue/sender_table.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace onehop::core {
namespace {

using Tell = SenderTable::Tell;

Origin sender(uint32_t index, uint32_t generation = 1) {
  return {Origin::Kind::kSession, 0, 0, 0, {index, generation}};
}

TEST(SenderTable, ASenderIsToldOnceALease) {
  Counters totals;
  SenderTable table(8, totals);
  EXPECT_FALSE(table.has_told());
  EXPECT_EQ(table.tell_pause(sender(1), {100}, {200}), Tell::kTell);
  EXPECT_EQ(table.tell_pause(sender(1), {199}, {299}), Tell::kKnows);
  EXPECT_EQ(table.tell_pause(sender(1, 2), {199}, {299}), Tell::kTell) << "another session in the same slot";
  EXPECT_EQ(table.tell_pause(sender(1), {200}, {300}), Tell::kTell) << "the lease has run out";
  EXPECT_EQ(table.tell_pause(sender(1), {299}, {399}), Tell::kKnows);
  EXPECT_EQ(table.told(), 2u) << "each counts once, however often it is told";
}

TEST(SenderTable, EachThatWasToldIsTakenOutOnce) {
  Counters totals;
  SenderTable table(8, totals);
  for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ(table.tell_pause(sender(i), {0}, {10}), Tell::kTell);
  EXPECT_TRUE(table.close_gate(sender(2)));
  std::vector<uint32_t> told;
  while (table.has_told()) told.push_back(table.take_told().session.index);
  std::sort(told.begin(), told.end());
  EXPECT_EQ(told, (std::vector<uint32_t>{0, 1, 2, 3, 4}));
  EXPECT_FALSE(table.empty()) << "a gate is still closed";
  EXPECT_TRUE(table.gate_closed(sender(2)));
  EXPECT_TRUE(table.open_gate(sender(2)));
  EXPECT_TRUE(table.empty());
}

TEST(SenderTable, WhoDoesNotFitIsNotTold) {
  Counters totals;
  SenderTable table(2, totals);
  EXPECT_EQ(table.tell_pause(sender(1), {0}, {100}), Tell::kTell);
  EXPECT_EQ(table.tell_pause(sender(2), {0}, {50}), Tell::kTell);
  EXPECT_EQ(table.tell_pause(sender(3), {10}, {110}), Tell::kNoRoom);
  EXPECT_EQ(table.tell_pause(sender(3), {50}, {150}), Tell::kTell) << "a lease has run out";
  EXPECT_EQ(table.tell_pause(sender(1), {60}, {160}), Tell::kKnows);
  EXPECT_EQ(table.tell_pause(sender(2), {60}, {160}), Tell::kNoRoom);
}

TEST(SenderTable, AGateIsClosedUntilItIsOpened) {
  Counters totals;
  SenderTable table(8, totals);
  EXPECT_FALSE(table.gate_closed(sender(1)));
  EXPECT_FALSE(table.open_gate(sender(1)));
  EXPECT_TRUE(table.close_gate(sender(1)));
  EXPECT_FALSE(table.close_gate(sender(1)));
  EXPECT_TRUE(table.gate_closed(sender(1)));
  EXPECT_FALSE(table.gate_closed(sender(2)));
  EXPECT_FALSE(table.has_told());
  EXPECT_EQ(table.gates(), std::vector<Origin>{sender(1)});
  EXPECT_TRUE(table.open_gate(sender(1)));
  EXPECT_FALSE(table.open_gate(sender(1)));
  EXPECT_TRUE(table.empty());
}

TEST(SenderTable, ThereIsAGateForEachSender) {
  Counters totals;
  SenderTable table(3, totals);
  for (uint32_t i = 0; i < 100; ++i) EXPECT_TRUE(table.close_gate(sender(i)));
  EXPECT_FALSE(table.close_gate(sender(99)));
  EXPECT_TRUE(table.open_gate(sender(0)));
  EXPECT_EQ(table.gates().size(), 99u);
  EXPECT_EQ(table.tell_pause(sender(200), {0}, {100}), Tell::kTell) << "they take no place of those told to pause";
}

TEST(SenderTable, ALeaseThatRunsOutLeavesTheGateClosed) {
  Counters totals;
  SenderTable table(1, totals);
  EXPECT_EQ(table.tell_pause(sender(1), {0}, {10}), Tell::kTell);
  EXPECT_TRUE(table.close_gate(sender(1)));
  EXPECT_EQ(table.tell_pause(sender(2), {10}, {20}), Tell::kTell);
  EXPECT_TRUE(table.gate_closed(sender(1)));
  EXPECT_EQ(table.take_told(), sender(2));
  EXPECT_FALSE(table.has_told());
}

TEST(SenderTable, RemovingFromTheMiddleKeepsTheOthers) {
  Counters totals;
  SenderTable table(100, totals);
  for (uint32_t i = 0; i < 100; ++i) EXPECT_TRUE(table.close_gate(sender(i)));
  for (uint32_t i = 0; i < 100; i += 3) EXPECT_TRUE(table.open_gate(sender(i)));
  for (uint32_t i = 0; i < 100; ++i) EXPECT_EQ(table.gate_closed(sender(i)), i % 3 != 0) << i;
  EXPECT_EQ(table.gates().size(), 66u);
}

}  // namespace
}  // namespace onehop::core
