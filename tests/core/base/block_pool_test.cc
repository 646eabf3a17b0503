// The pool of large blocks: what was given back is given again, and no more is kept than it may.
#include "core/base/block_pool.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/wire/frame_decoder.h"

namespace onehop::core {
namespace {

TEST(BlockPool, GivesAgainWhatWasGivenBack) {
  BlockPool pool;
  BufferRef block = pool.take(300'000);
  const Buffer* const first = block.get();
  BufferRef other = pool.take(300'000);
  EXPECT_NE(other.get(), first) << "it is in use";
  block.reset();
  EXPECT_GE(pool.kept_bytes(), 300'000u);
  block = pool.take(200'000);
  EXPECT_EQ(block.get(), first);
  EXPECT_EQ(pool.kept_bytes(), 0u);
  block.reset();
  EXPECT_NE(pool.take(100'000).get(), first) << "much too large for this";
  EXPECT_NE(pool.take(400'000).get(), first) << "too small for this";
}

TEST(BlockPool, SmallOnesAreNotItsBusiness) {
  BlockPool pool;
  pool.take(10'000).reset();
  EXPECT_EQ(pool.kept_bytes(), 0u);
}

TEST(BlockPool, KeepsNoMoreThanItMay) {
  BlockPool pool;
  std::vector<BufferRef> blocks;
  for (int i = 0; i < 20; ++i) blocks.push_back(pool.take(1 << 20));
  blocks.clear();
  EXPECT_LE(pool.kept_bytes(), size_t{4} << 20);
  EXPECT_GE(pool.kept_bytes(), size_t{3} << 20);
}

// A stream of large frames is put together in the same few blocks.
TEST(BlockPool, FramesThatSpanReadsUseItsBlocksAgain) {
  BlockPool pool;
  FrameDecoder decoder;
  std::string bytes("\x80\x80\x3c", 3);  // A length of 983,040.
  bytes.append(983'040, 'x');
  std::vector<const Buffer*> owners;
  for (int i = 0; i < 10; ++i) {
    for (size_t at = 0; at < bytes.size(); at += 100'000) {
      Input in{Bytes(bytes).substr(at, 100'000), nullptr, &pool};
      FrameView frame;
      if (decoder.next(in, 1 << 20, frame) == Next::kFrame) owners.push_back(frame.owner);
    }
  }
  ASSERT_EQ(owners.size(), 10u);
  for (size_t i = 2; i < owners.size(); ++i) EXPECT_TRUE(owners[i] == owners[0] || owners[i] == owners[1]) << i;
}

}  // namespace
}  // namespace onehop::core
