// Where a name lives depends on the key and nothing else, and the shards get about the same share.
#include "core/base/name_hash.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace onehop::core {
namespace {

TEST(NameHash, DependsOnTheNameAndTheKey) {
  HashKey key{};
  HashKey other_key{};
  other_key[15] = 1;
  EXPECT_EQ(name_hash("bob", key), name_hash(std::string("bob"), key));
  EXPECT_NE(name_hash("bob", key), name_hash("bob", other_key));
  EXPECT_NE(name_hash("bob", key), name_hash("bo", key));
  EXPECT_NE(name_hash("bob", key), name_hash("Bob", key));
}

TEST(NameHash, IsSipHashTwoFour) {
  // The reference vector of SipHash-2-4: key 00 01 … 0f, input 00 01 … 0e.
  HashKey key;
  std::string input;
  for (unsigned char i = 0; i < 16; ++i) key[i] = i;
  for (char i = 0; i < 15; ++i) input.push_back(i);
  EXPECT_EQ(name_hash(input, key), 0xa129ca6149be45e5u);
}

TEST(HomeShard, IsWithinRangeAndEven) {
  EXPECT_EQ(home_shard(0, 64), 0);
  EXPECT_EQ(home_shard(UINT64_MAX, 64), 63);
  EXPECT_EQ(home_shard(UINT64_MAX, 1), 0);
  for (const ShardIndex shards : {ShardIndex{2}, ShardIndex{3}, ShardIndex{64}}) {
    std::vector<int> names(shards);
    for (int i = 0; i < 6'400; ++i) ++names[home_shard(name_hash("client" + std::to_string(i), HashKey{}), shards)];
    const double even = 6'400.0 / shards;
    for (const int count : names) EXPECT_NEAR(count, even, even / 2);
  }
}

TEST(HomeShard, LooksAtTheHighBitsOnly) {
  EXPECT_EQ(home_shard(0xFFFFFFFF, 64), 0);
}

}  // namespace
}  // namespace onehop::core
