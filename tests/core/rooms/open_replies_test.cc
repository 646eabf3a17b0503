// OpenReplies: found by key, by responder and by deadline, and nothing held when all are gone.
#include "core/rooms/open_replies.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace onehop::core {
namespace {

struct Model {
  uint32_t responder;
  uint64_t deadline;  // 0: not acknowledged.
};

TEST(OpenReplies, AgainstAPlainModel) {
  Counters totals;
  OpenReplies replies(totals);
  std::map<uint64_t, Model> model;
  std::mt19937_64 random(3);
  uint64_t now = 0;
  for (uint64_t step = 1; step <= 20'000; ++step) {
    OpenReplies::Request taken;
    const auto responder = static_cast<uint32_t>(random() % 4);
    switch (random() % 6) {
      case 0:
      case 1:
        replies.add({1, step}, {}, 10, {responder, 1});
        model[step] = {responder, 0};
        break;
      case 2:
        if (const auto found = model.lower_bound(random() % step);
            found != model.end() && found->second.deadline == 0) {
          found->second.deadline = now + 1 + random() % 50;
          replies.acknowledge(*replies.find({1, found->first}), Instant{found->second.deadline});
        }
        break;
      case 3:
        if (const auto found = model.lower_bound(random() % step); found != model.end()) {
          replies.erase(*replies.find({1, found->first}));
          model.erase(found);
        }
        break;
      case 4:
        for (++now; replies.take_due(Instant{now}, taken);) {
          ASSERT_EQ(model.at(taken.key.id).deadline, taken.deadline.ms);
          ASSERT_LE(taken.deadline.ms, now);
          model.erase(taken.key.id);
        }
        for (const auto& [id, one] : model) ASSERT_TRUE(one.deadline == 0 || one.deadline > now) << id;
        break;
      default:
        if (random() % 20 != 0) break;
        while (replies.take_acknowledged_of({responder, 1}, taken)) {
          ASSERT_EQ(model.at(taken.key.id).responder, responder);
          model.erase(taken.key.id);
        }
        for (const auto& [id, one] : model) ASSERT_TRUE(one.responder != responder || one.deadline == 0) << id;
        replies.erase_all_of({responder, 1});
        std::erase_if(model, [responder](const auto& one) { return one.second.responder == responder; });
    }
    for (const auto& [id, one] : model) ASSERT_NE(replies.find({1, id}), nullptr);
    ASSERT_EQ(replies.empty(), model.empty());
    ASSERT_EQ(totals.state_bytes == 0, model.empty());
  }
}

}  // namespace
}  // namespace onehop::core
