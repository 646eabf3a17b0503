// The windows of a local sender: what is open counts until its receipt is acknowledged, its bytes until its outcome.
#include "local/send_window.h"

#include <gtest/gtest.h>

#include <vector>

namespace onehop::local {
namespace {

std::vector<uint64_t> settle(SendWindow& open, uint64_t first, uint64_t last) {
  std::vector<uint64_t> told;
  open.settle(first, last, [&](uint64_t id) { told.push_back(id); });
  return told;
}

TEST(SendWindow, TellsEachIdOnce) {
  SendWindow open;
  open.set_windows(10, 1'000);
  for (const unsigned id : {3u, 5u, 6u, 9u}) open.add(id, 10);
  EXPECT_EQ((std::vector<uint64_t>{5, 6}), settle(open, 4, 8));
  EXPECT_EQ((std::vector<uint64_t>{}), settle(open, 5, 6));
  EXPECT_FALSE(open.empty());
  EXPECT_EQ((std::vector<uint64_t>{3, 9}), settle(open, 0, UINT64_MAX));
  EXPECT_TRUE(open.empty());
}

TEST(SendWindow, CountsMessagesUntilTheirReceiptsAreAcknowledged) {
  SendWindow open;
  open.set_windows(2, 1'000);
  open.add(1, 10);
  EXPECT_TRUE(open.has_room(10));
  open.add(2, 10);
  EXPECT_FALSE(open.has_room(10));
  settle(open, 1, 1);
  EXPECT_FALSE(open.has_room(10)) << "the broker counts it still";
  open.receipts_acknowledged();
  EXPECT_TRUE(open.has_room(10));
}

TEST(SendWindow, CountsBytesUntilTheOutcome) {
  SendWindow open;
  open.set_windows(10, 100);
  open.add(1, 60);
  EXPECT_TRUE(open.has_room(40));
  EXPECT_FALSE(open.has_room(41));
  settle(open, 1, 1);
  EXPECT_TRUE(open.has_room(100));
}

}  // namespace
}  // namespace onehop::local
