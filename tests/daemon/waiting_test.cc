// Whom a stopping broker waits for, in words.
#include "daemon/waiting.h"

#include <gtest/gtest.h>

namespace onehop::daemon {
namespace {

ClientInfo client(const std::string& name, uint64_t unacknowledged, bool connected = true) {
  ClientInfo info;
  info.name = name;
  info.connected = connected;
  info.unacknowledged = unacknowledged;
  return info;
}

TEST(Waiting, NamesThoseWithTheMostMessagesFirst) {
  const Waiting one = waiting_for({{client("bob", 1)}, 1});
  EXPECT_EQ("waits for bob; 1 message is unacknowledged; a second signal does not wait", one.text);
  EXPECT_EQ(1u, one.clients);
  const Waiting five =
      waiting_for({{client("a", 0), client("b", 2), client("c", 0), client("d", 7), client("e", 0)}, 5});
  EXPECT_EQ("waits for d, b, a and 2 more; 9 messages are unacknowledged; a second signal does not wait", five.text);
  EXPECT_EQ(5u, five.clients);
  EXPECT_EQ(9u, five.unacknowledged);
}

TEST(Waiting, SaysWhatItHasNotSeen) {
  const Waiting many = waiting_for({{client("a", 1), client("b", 1)}, 1'000});
  EXPECT_EQ("waits for a, b and 998 more; at least 2 messages are unacknowledged; a second signal does not wait",
            many.text);
  EXPECT_EQ(1'000u, many.clients);
}

TEST(Waiting, NobodyWaitsForWhoIsAway) {
  const Waiting none = waiting_for({{client("away", 3, false)}, 1});
  EXPECT_EQ("waits for the last connections to close; 0 messages are unacknowledged; a second signal does not wait",
            none.text);
}

}  // namespace
}  // namespace onehop::daemon
