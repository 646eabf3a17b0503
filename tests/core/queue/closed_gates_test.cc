// Closed gates, as the sender's shard knows them: one opening for each closing, found by the name.
#include "core/queue/closed_gates.h"

#include <gtest/gtest.h>

#include <vector>

namespace onehop::core {
namespace {

Origin recipient(uint32_t index) {
  return {Origin::Kind::kSession, 0, 0, 0, {index, 1}};
}

TEST(ClosedGates, EachIsOpenedOnce) {
  ClosedGates gates;
  EXPECT_EQ(gates.begin_opening(7), std::nullopt);
  gates.add(7, recipient(1));
  gates.add(3, recipient(2));
  EXPECT_EQ(gates.begin_opening(5), std::nullopt);
  EXPECT_EQ(gates.begin_opening(7), recipient(1));
  EXPECT_EQ(gates.begin_opening(7), std::nullopt) << "until it has closed again";
  gates.remove(recipient(1));
  gates.add(7, recipient(1));
  EXPECT_EQ(gates.begin_opening(7), recipient(1));
}

TEST(ClosedGates, AllThatAreClosedAreVisited) {
  ClosedGates gates;
  for (uint32_t i = 5; i != 0; --i) gates.add(i, recipient(i));
  gates.begin_opening(2);
  gates.remove(recipient(4));
  std::vector<uint32_t> left;
  gates.for_each([&left](const Origin& origin) { left.push_back(origin.session.index); });
  EXPECT_EQ(left, (std::vector<uint32_t>{1, 2, 3, 5})) << "one that is being opened is closed as yet";
  EXPECT_FALSE(gates.empty());
}

TEST(ClosedGates, NoneTakeNoMemory) {
  ClosedGates gates;
  for (uint32_t i = 0; i < 100; ++i) gates.add(i, recipient(i));
  EXPECT_GE(gates.held_bytes(), 2'400u);
  for (uint32_t i = 0; i < 100; ++i) gates.remove(recipient(i));
  EXPECT_TRUE(gates.empty());
  EXPECT_EQ(gates.held_bytes(), 0u);
}

}  // namespace
}  // namespace onehop::core
