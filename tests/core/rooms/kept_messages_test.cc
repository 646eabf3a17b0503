// KeptMessages: copies in their order, and what they take.
#include "core/rooms/kept_messages.h"

#include <gtest/gtest.h>

#include <string>

namespace onehop::core {
namespace {

TEST(KeptMessages, AreCopiesInTheirOrder) {
  KeptMessages kept;
  for (uint64_t id = 1; id <= 3; ++id) {
    std::string body = "to:work payload " + std::to_string(id);
    std::string stamp = "from";
    RoutedMessage message;
    message.scanned.id = id;
    message.scanned.destination_name = Bytes(body).substr(3, 4);
    message.body = body;
    message.from_stamp = stamp;
    kept.add(message, Instant{id * 10});
    body.assign(body.size(), '?');
    stamp.assign(stamp.size(), '?');
  }
  EXPECT_GT(kept.bytes(), 3 * std::string("to:work payload 1").size());
  for (uint64_t id = 1; id <= 3; ++id) {
    ASSERT_FALSE(kept.empty());
    EXPECT_EQ(kept.front().scanned.id, id);
    EXPECT_EQ(kept.front().body, "to:work payload " + std::to_string(id));
    EXPECT_EQ(kept.front().from_stamp, "from");
    EXPECT_EQ(kept.front().scanned.destination_name, "work");
    EXPECT_EQ(kept.deadline().ms, id * 10);
    kept.pop();
  }
  EXPECT_TRUE(kept.empty());
  EXPECT_EQ(kept.bytes(), 0u);
}

}  // namespace
}  // namespace onehop::core
