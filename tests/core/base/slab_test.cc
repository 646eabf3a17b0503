// The slab: a stale id names nothing, whatever lives in its slot; references hold while others come and go.
#include "core/base/slab.h"

#include <gtest/gtest.h>

#include <string>

#include "core/base/ids.h"

namespace onehop::core {
namespace {

TEST(Slab, AStaleIdIsRecognised) {
  Slab<std::string, LinkId> slab;
  const LinkId first = slab.insert();
  slab[first.index] = "first";
  slab.erase(first);
  EXPECT_EQ(slab.find(first), nullptr);
  const LinkId second = slab.insert();
  EXPECT_EQ(second.index, first.index);
  EXPECT_NE(second.generation, first.generation);
  EXPECT_EQ(slab.find(first), nullptr);
  ASSERT_NE(slab.find(second), nullptr);
  EXPECT_EQ(*slab.find(second), "");
  EXPECT_EQ(slab.id_at(second.index), second);
}

TEST(Slab, WhatWasNeverGivenNamesNothing) {
  Slab<std::string, LinkId> slab;
  EXPECT_EQ(slab.find({}), nullptr);
  EXPECT_EQ(slab.find({5, 1}), nullptr);
  const LinkId id = slab.insert();
  EXPECT_EQ(slab.find({id.index, 0}), nullptr);
  EXPECT_EQ(slab.find({id.index + 1, 1}), nullptr);
  EXPECT_EQ(slab.find({1'000'000, 1}), nullptr);
}

TEST(Slab, ReferencesHoldWhileItGrows) {
  Slab<std::string, LinkId> slab;
  const LinkId first = slab.insert();
  std::string& text = slab[first.index];
  text = "here";
  for (int i = 0; i < 10'000; ++i) slab.insert();
  EXPECT_EQ(&slab[first.index], &text);
  EXPECT_EQ(text, "here");
  EXPECT_EQ(slab.size(), 10'001u);
}

TEST(Slab, VisitsInTheOrderOfSlotsAndMayEraseWhatItVisits) {
  Slab<int, SessionId> slab;
  for (int i = 0; i < 300; ++i) slab[slab.insert().index] = i;
  std::vector<int> seen;
  slab.for_each([&](SessionId id, int& value) {
    seen.push_back(value);
    if (value % 2 == 0) slab.erase(id);
  });
  ASSERT_EQ(seen.size(), 300u);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], i);
  EXPECT_EQ(slab.size(), 150u);
}

TEST(Slab, DestroysWhatIsLeft) {
  const auto alive = std::make_shared<int>(0);
  {
    Slab<std::shared_ptr<int>, LinkId> slab;
    for (int i = 0; i < 10; ++i) slab[slab.insert().index] = alive;
    slab.erase({3, 1});
    EXPECT_EQ(alive.use_count(), 10);
  }
  EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace
}  // namespace onehop::core
