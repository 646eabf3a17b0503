// Keys of tickets change in time, and go when no ticket of theirs can be good any more.
#include "tls/ticket_keys.h"

#include <gtest/gtest.h>

namespace onehop::tls {
namespace {

bool knows(const TicketKeys& keys, const TicketKey& key, bool youngest) {
  bool is_youngest = false;
  return keys.find(key.name.data(), is_youngest).has_value() && is_youngest == youngest;
}

TEST(TicketKeys, KeepsAKeyForAsLongAsItsTicketsLast) {
  TicketKeys keys;
  keys.advance(1'000);
  const TicketKey first = *keys.youngest();
  keys.advance(1'000 + TicketKeys::kRotateMs - 1);
  EXPECT_TRUE(knows(keys, first, true));
  keys.advance(1'000 + TicketKeys::kRotateMs);
  EXPECT_FALSE(knows(keys, first, true));
  EXPECT_TRUE(knows(keys, first, false));
  EXPECT_NE(first.name, keys.youngest()->name);
  EXPECT_NE(first.cipher, keys.youngest()->cipher);
  keys.advance(1'000 + 2 * TicketKeys::kRotateMs);
  EXPECT_TRUE(knows(keys, first, false));
  keys.advance(1'000 + 3 * TicketKeys::kRotateMs);
  EXPECT_FALSE(knows(keys, first, false));
  EXPECT_GE(2 * TicketKeys::kRotateMs, 1'000u * TicketKeys::kLifetimeS);
}

TEST(TicketKeys, ForgetsAllAfterALongRest) {
  TicketKeys keys;
  keys.advance(1'000);
  const TicketKey first = *keys.youngest();
  keys.advance(1'000 + 4 * TicketKeys::kRotateMs);
  EXPECT_FALSE(knows(keys, first, false));
}

TEST(TicketKeys, DoesNotKnowTheKeysOfAnother) {
  TicketKeys mine, other;
  EXPECT_FALSE(knows(mine, *other.youngest(), true));
}

}  // namespace
}  // namespace onehop::tls
