// A parcel: what is written to it stays where it is, with attached bodies, until it is cleared.
#include "core/crossing/parcel.h"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

namespace onehop::core {
namespace {

TEST(Parcel, HoldsWhatIsWrittenAndMovesWithIt) {
  EXPECT_FALSE(Parcel());
  Parcel parcel(100, true);
  EXPECT_TRUE(parcel);
  EXPECT_TRUE(parcel.counts());
  std::memcpy(parcel.extend(5), "hello", 5);
  std::memcpy(parcel.extend(6), " world", 6);
  EXPECT_EQ(parcel.room(), 89u);
  const Parcel moved = std::move(parcel);
  EXPECT_EQ(moved.bytes(), "hello world");
  EXPECT_FALSE(Parcel(8, false).counts());
}

TEST(Parcel, ClearedItHasItsMemoryAndNoBodies) {
  Parcel parcel(16, true);
  BufferRef body = Buffer::allocate(10);
  EXPECT_EQ(parcel.attach(body), 0u);
  EXPECT_EQ(parcel.attach(Buffer::allocate(20)), 1u);
  EXPECT_EQ(parcel.attached(0).get(), body.get());
  EXPECT_EQ(body->references(), 2u);
  parcel.extend(16);
  EXPECT_EQ(parcel.room(), 0u);
  parcel.clear();
  EXPECT_EQ(parcel.room(), 16u);
  EXPECT_EQ(body->references(), 1u);
  EXPECT_EQ(parcel.attach(body), 0u);
}

}  // namespace
}  // namespace onehop::core
