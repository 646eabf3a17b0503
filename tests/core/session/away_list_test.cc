// The list of sessions that are away: in the order of their going, and any of them may leave it.
#include "core/session/away_list.h"

#include <gtest/gtest.h>

#include <vector>

namespace onehop::core {
namespace {

struct Sessions {
  SessionId add(uint64_t left_ms) {
    const SessionId id = slab.insert();
    slab[id.index].away = std::make_unique<Away>();
    slab[id.index].away->left = {left_ms};
    list.add(id);
    return id;
  }
  std::vector<uint64_t> take_all() {
    std::vector<uint64_t> order;
    while (!list.empty()) {
      const SessionId id = list.first();
      order.push_back(slab[id.index].away->left.ms);
      list.remove(id);
    }
    return order;
  }

  Slab<Session, SessionId> slab;
  AwayList list{slab};
};

using Order = std::vector<uint64_t>;

TEST(AwayList, TheFirstToGoComesFirst) {
  Sessions sessions;
  for (const uint64_t left : {10u, 20u, 30u}) sessions.add(left);
  EXPECT_EQ(sessions.take_all(), (Order{10, 20, 30}));
  EXPECT_TRUE(sessions.list.empty());
}

TEST(AwayList, WhoWentBeforeAllOthersIsPutInFront) {
  Sessions sessions;
  sessions.add(20);
  sessions.add(30);
  sessions.add(10);
  sessions.add(40);
  EXPECT_EQ(sessions.take_all(), (Order{10, 20, 30, 40}));
}

TEST(AwayList, WhoWentAfterTheFirstIsNotPutInFrontOfIt) {
  Sessions sessions;
  sessions.add(20);
  sessions.add(40);
  sessions.add(30);
  EXPECT_EQ(sessions.list.first(), sessions.slab.id_at(0));
}

TEST(AwayList, AnyOneMayLeaveIt) {
  for (size_t which = 0; which < 3; ++which) {
    Sessions sessions;
    const std::vector<SessionId> ids{sessions.add(1), sessions.add(2), sessions.add(3)};
    sessions.list.remove(ids[which]);
    sessions.list.remove(ids[which]);  // Not there any more: nothing happens.
    Order left{1, 2, 3};
    left.erase(left.begin() + static_cast<ptrdiff_t>(which));
    EXPECT_EQ(sessions.take_all(), left);
  }
}

}  // namespace
}  // namespace onehop::core
