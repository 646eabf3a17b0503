// Receive blocks: one is used over and over while nobody refers to it, and never while somebody does.
#include "core/base/receive_blocks.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace onehop::core {
namespace {

TEST(ReceiveBlocks, OneBlockWhileNobodyRefersToIt) {
  ReceiveBlocks blocks;
  Buffer* first = blocks.current();
  EXPECT_EQ(first->capacity(), kReceiveBytes);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(blocks.current(), first);
}

TEST(ReceiveBlocks, ABlockThatIsReferredToIsLeftAlone) {
  ReceiveBlocks blocks;
  std::vector<BufferRef> held;
  std::set<Buffer*> seen;
  for (int i = 0; i < 40; ++i) {
    Buffer* block = blocks.current();
    EXPECT_TRUE(seen.insert(block).second);
    held.emplace_back(block);
  }
  for (const BufferRef& block : held) EXPECT_GE(block->references(), 1u);
  Buffer* freed = held[3].get();
  held[3].reset();
  EXPECT_EQ(blocks.current(), freed);
  EXPECT_EQ(blocks.current(), freed);
}

TEST(ReceiveBlocks, BlocksBeyondThoseKeptDieWithTheirLastReference) {
  ReceiveBlocks blocks;
  std::vector<BufferRef> held;
  for (int i = 0; i < 20; ++i) held.emplace_back(blocks.current());
  const BufferRef last(blocks.current());
  EXPECT_EQ(last->references(), 2u);
  held.clear();
  static_cast<void>(blocks.current());
  static_cast<void>(blocks.current());
  const BufferRef another(blocks.current());
  EXPECT_NE(another.get(), last.get());
}

}  // namespace
}  // namespace onehop::core
