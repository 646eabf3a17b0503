// An inbox hands out whole frames in order, takes no more than it may, and takes a large frame whole.
#include "local/inbox.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace onehop::local {
namespace {

// A frame of this many bytes, with its length prefix.
std::string frame(size_t size, char letter) {
  char prefix[core::kVarintBytesMax];
  return std::string(prefix, core::write_varint(prefix, size)) + std::string(size, letter);
}

size_t take(Inbox& inbox, core::Bytes bytes) {
  const core::Iov piece{bytes.data(), bytes.size()};
  return inbox.take({&piece, 1});
}

std::vector<std::string> frames(Inbox& inbox) {
  std::vector<std::string> all;
  for (core::Bytes one; inbox.next(one);) all.emplace_back(one);
  return all;
}

TEST(Inbox, HandsOutFramesWhereverTheyAreCut) {
  const std::string all = frame(1, 'a') + frame(300, 'b') + frame(2, 'c');
  for (size_t cut = 0; cut <= all.size(); ++cut) {
    Inbox inbox;
    std::vector<std::string> found;
    for (const core::Bytes part : {core::Bytes(all).substr(0, cut), core::Bytes(all).substr(cut)}) {
      ASSERT_EQ(part.size(), take(inbox, part));
      for (const std::string& one : frames(inbox)) found.push_back(one);
      EXPECT_FALSE(inbox.tidy());
    }
    EXPECT_EQ((std::vector<std::string>{"a", std::string(300, 'b'), "cc"}), found) << cut;
  }
}

TEST(Inbox, TakesTheRestOnceThereIsRoom) {
  Inbox inbox;
  std::string all;
  while (all.size() < 2 * kInboxBytes) all += frame(1'000, 'x');
  const size_t taken = take(inbox, all);
  EXPECT_EQ(kInboxBytes, taken);
  EXPECT_EQ(0u, take(inbox, core::Bytes(all).substr(taken)));
  EXPECT_FALSE(inbox.tidy()) << "nothing has been handed out, so there is no room";
  const size_t first = frames(inbox).size();
  EXPECT_TRUE(inbox.tidy());
  EXPECT_FALSE(inbox.tidy()) << "it says so once";
  size_t found = first;
  for (core::Bytes left = core::Bytes(all).substr(taken); !left.empty(); inbox.tidy()) {
    left.remove_prefix(take(inbox, left));
    found += frames(inbox).size();
  }
  EXPECT_EQ(all.size() / frame(1'000, 'x').size(), found);
}

TEST(Inbox, TakesAFrameThatIsLargerThanItIs) {
  Inbox inbox;
  const std::string large = frame(3 * kInboxBytes, 'x') + frame(1, 'y');
  std::vector<std::string> found;
  for (core::Bytes left = large; !left.empty();) {
    left.remove_prefix(take(inbox, left));
    for (const std::string& one : frames(inbox)) found.push_back(one);
    inbox.tidy();
  }
  ASSERT_EQ(2u, found.size());
  EXPECT_EQ(3 * kInboxBytes, found[0].size());
}

}  // namespace
}  // namespace onehop::local
