// The backlog: tags rise, what is open counts, verdicts find their entries through any holes, and rewinding brings back
// what was not received, in order.
#include "core/queue/backlog.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

#include "backlog_rig.h"

namespace onehop::core::test {
namespace {

using Tags = std::vector<uint64_t>;

TEST(Backlog, KeepsWhatItNeedsOfAMessage) {
  Counters totals;
  Backlog backlog{totals};
  const Backlog::Entry& entry = backlog.add(routed(9), kNow + 5);
  EXPECT_EQ(entry.tag, 1u);
  EXPECT_EQ(entry.id, 9u);
  EXPECT_EQ(entry.from_session, 17u);
  EXPECT_EQ(entry.sender.session.index, 3u);
  EXPECT_EQ(entry.stamp(), "stamp");
  EXPECT_EQ(entry.body(), "the body");
  EXPECT_EQ(entry.frame_bytes, 30u);
  EXPECT_EQ(entry.deadline, kNow + 5);
  EXPECT_TRUE(entry.confirmed);
  EXPECT_FALSE(entry.attempted);
  EXPECT_EQ(backlog.unsent_bytes(), entry.weight());
  EXPECT_EQ(backlog.open(), 0u);
  EXPECT_EQ(backlog.highest_sent(), 0u);
}

TEST(Backlog, TagsRiseForEver) {
  Counters totals;
  Backlog backlog{totals};
  send(backlog, 3);
  take(backlog, 0, 3);
  backlog.close_holes();
  EXPECT_TRUE(backlog.empty());
  backlog.free_memory();
  EXPECT_EQ(add(backlog), 4u);
  EXPECT_EQ(backlog.highest_sent(), 3u);
}

TEST(Backlog, SendingOpensAndSettlingCloses) {
  Counters totals;
  Backlog backlog{totals};
  add(backlog);
  const size_t weight = backlog.unsent_bytes();
  EXPECT_EQ(backlog.find_open(1), nullptr) << "not sent yet";
  backlog.mark_sent();
  EXPECT_FALSE(backlog.has_unsent());
  EXPECT_EQ(backlog.unsent_bytes(), 0u);
  EXPECT_EQ(backlog.open(), 1u);
  EXPECT_EQ(backlog.open_bytes(), kFrameBytes);
  EXPECT_EQ(totals.open_bytes, weight);
  EXPECT_FALSE(backlog.empty());
  Backlog::Entry* entry = backlog.find_open(1);
  ASSERT_NE(entry, nullptr);
  EXPECT_TRUE(entry->attempted);
  backlog.settle(*entry);
  EXPECT_EQ(backlog.find_open(1), nullptr);
  backlog.close_holes();
  EXPECT_TRUE(backlog.empty());
  EXPECT_EQ(backlog.open_bytes(), 0u);
}

TEST(Backlog, AnUnconfirmedOneIsForgottenOnceSent) {
  Counters totals;
  Backlog backlog{totals};
  add(backlog);
  add(backlog, false);
  add(backlog);
  EXPECT_EQ(unsent_tags(backlog), (Tags{1, 2, 3}));
  EXPECT_EQ(backlog.open(), 2u);
  EXPECT_EQ(backlog.find_open(2), nullptr);
  backlog.rewind(0);
  EXPECT_EQ(unsent_tags(backlog), (Tags{1, 3}));
}

TEST(Backlog, RangesMeetOpenEntriesOnly) {
  Counters totals;
  Backlog backlog{totals};
  send(backlog, 10);
  add(backlog);
  EXPECT_EQ(take(backlog, 3, 4), (Tags{3, 4}));
  EXPECT_EQ(take(backlog, 2, 6), (Tags{2, 5, 6}));
  backlog.close_holes();
  EXPECT_EQ(take(backlog, 4, 5), Tags{});
  EXPECT_EQ(take(backlog, 8, UINT64_MAX), (Tags{8, 9, 10})) << "11 was never sent";
  EXPECT_EQ(take(backlog, 0, 11), (Tags{1, 7}));
  backlog.close_holes();
  EXPECT_EQ(backlog.open(), 0u);
  EXPECT_EQ(unsent_tags(backlog), Tags{11});
}

TEST(Backlog, AnExpiredOneKeepsItsPlaceUntilItIsSettled) {
  Counters totals;
  Backlog backlog{totals};
  send(backlog, 2);
  const size_t bytes = backlog.open_bytes();
  const size_t held = backlog.open_weight();
  const size_t freed = backlog.find_open(1)->size();
  backlog.expire(*backlog.find_open(1));
  backlog.close_holes();
  EXPECT_EQ(backlog.open(), 2u);
  EXPECT_EQ(backlog.open_bytes(), bytes) << "what the window counts";
  EXPECT_EQ(backlog.open_weight(), held - freed) << "what it takes";
  EXPECT_EQ(totals.open_bytes, held - freed);
  ASSERT_NE(backlog.find_open(1), nullptr);
  EXPECT_EQ(backlog.find_open(1)->state, Backlog::State::kExpired);
  EXPECT_EQ(take(backlog, 1, 2), (Tags{1, 2}));
  EXPECT_EQ(backlog.open_bytes(), 0u);
  EXPECT_EQ(backlog.open_weight(), 0u);
  EXPECT_EQ(totals.open_bytes, 0u);
}

TEST(Backlog, AnExpiredOneThatWasNotSentIsGone) {
  Counters totals;
  Backlog backlog{totals};
  add(backlog);
  add(backlog);
  backlog.expire(backlog.next_unsent());
  backlog.close_holes();
  EXPECT_EQ(unsent_tags(backlog), Tags{2});
}

TEST(Backlog, RewindingBringsBackWhatWasNotReceivedInOrder) {
  Counters totals;
  Backlog backlog{totals};
  send(backlog, 6);
  add(backlog);
  backlog.settle(*backlog.find_open(4));
  backlog.expire(*backlog.find_open(1));
  backlog.expire(*backlog.find_open(5));
  backlog.rewind(2);
  EXPECT_EQ(backlog.open(), 2u) << "1, expired, and 2 were received and stay open";
  EXPECT_EQ(backlog.highest_sent(), 6u);
  ASSERT_NE(backlog.find_open(3), nullptr) << "a verdict may come before it is sent again";
  EXPECT_EQ(backlog.find_open(5), nullptr) << "nobody has it and nobody wants it";
  EXPECT_EQ(unsent_tags(backlog), (Tags{3, 6, 7}));
  EXPECT_EQ(backlog.open(), 5u);
}

TEST(Backlog, AVerdictEndsTheWaitOfWhatIsToBeSentAgain) {
  Counters totals;
  Backlog backlog{totals};
  send(backlog, 4);
  backlog.rewind(0);
  EXPECT_EQ(take(backlog, 1, 2), (Tags{1, 2}));
  backlog.close_holes();
  EXPECT_EQ(unsent_tags(backlog), (Tags{3, 4}));
  EXPECT_EQ(backlog.unsent_bytes(), 0u);
}

TEST(Backlog, WhatAnEarlierProcessReceivedIsOpenAgainForIt) {
  Counters totals;
  Backlog backlog{totals};
  send(backlog, 5);
  backlog.rewind(0);
  backlog.mark_sent();
  backlog.rewind(4);
  EXPECT_EQ(backlog.open(), 4u);
  EXPECT_EQ(unsent_tags(backlog), Tags{5});
}

TEST(Backlog, KnowsTheEarliestDeadline) {
  Counters totals;
  Backlog backlog{totals};
  EXPECT_EQ(backlog.earliest_deadline(), Instant::never());
  add(backlog, true, kNow + 50);
  add(backlog, true, kNow + 20);
  add(backlog, true, kNow + 90);
  EXPECT_EQ(backlog.earliest_deadline(), kNow + 20);
  Tags due;
  backlog.for_each_due(kNow + 50, [&](Backlog::Entry& entry) {
    due.push_back(entry.tag);
    backlog.expire(entry);
  });
  EXPECT_EQ(due, (Tags{2, 1}));
  EXPECT_EQ(backlog.earliest_deadline(), kNow + 90);
  add(backlog, true, kNow + 60);
  EXPECT_EQ(backlog.earliest_deadline(), kNow + 60);
}

// What a backlog should be, written down the simplest way.
struct Model {
  struct Entry {
    bool confirmed;
    Instant deadline;
    bool sent = false;
    bool expired = false;
    bool attempted = false;
  };
  std::map<uint64_t, Entry> entries;

  void expect_same(Backlog& backlog, const Counters& totals, size_t weight) const {
    size_t open = 0;
    size_t unsent = 0;
    size_t open_weight = 0;
    for (const auto& [tag, entry] : entries) {
      (entry.sent ? open : unsent) += 1;
      if (entry.sent) open_weight += entry.expired ? sizeof(Backlog::Entry) : weight;
      const Backlog::Entry* found = backlog.find_open(tag);
      ASSERT_EQ(found != nullptr, entry.sent || entry.attempted) << tag;
      ASSERT_EQ(found != nullptr && found->state == Backlog::State::kExpired, entry.expired) << tag;
    }
    ASSERT_EQ(backlog.open(), open);
    ASSERT_EQ(backlog.open_bytes(), open * kFrameBytes);
    ASSERT_EQ(backlog.unsent_bytes(), unsent * weight);
    ASSERT_EQ(totals.open_bytes, open_weight);
    ASSERT_EQ(backlog.open_weight(), open_weight);
    ASSERT_EQ(totals.queued_bytes, unsent * weight);
    ASSERT_EQ(backlog.has_unsent(), unsent != 0);
    for (const auto& [tag, entry] : entries) {
      ASSERT_TRUE(entry.expired || backlog.earliest_deadline() <= entry.deadline) << tag;
    }
    for (const auto& [tag, entry] : entries) {
      if (entry.sent) continue;
      ASSERT_EQ(backlog.next_unsent().tag, tag);
      return;
    }
  }
  void send(uint64_t tag) {
    Entry& entry = entries.at(tag);
    entry.sent = entry.attempted = true;
    if (!entry.confirmed) entries.erase(tag);
  }
  void take(uint64_t first, uint64_t last) {
    std::erase_if(entries, [=](const auto& item) {
      return item.first >= first && item.first <= last && (item.second.sent || item.second.attempted);
    });
  }
  void expire(uint64_t tag) {
    if (entries.at(tag).sent) {
      entries.at(tag).expired = true;
    } else {
      entries.erase(tag);
    }
  }
  std::set<uint64_t> due(Instant now) const {
    std::set<uint64_t> tags;
    for (const auto& [tag, entry] : entries) {
      if (!entry.expired && entry.deadline <= now) tags.insert(tag);
    }
    return tags;
  }
  void rewind(uint64_t received_up_to) {
    std::erase_if(entries, [=](const auto& item) { return item.first > received_up_to && item.second.expired; });
    for (auto& [tag, entry] : entries) entry.sent = tag <= received_up_to ? entry.attempted : false;
  }
};

TEST(Backlog, AnyOrderOfCallsAgreesWithTheModel) {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    const auto up_to = [&random](uint64_t limit) { return random() % (limit + 1); };
    Counters totals;
    Backlog backlog{totals};
    Model model;
    const size_t weight = backlog.add(routed(1), kNow).weight();
    model.entries[1] = {true, kNow};
    uint64_t last = 1;
    Instant now = kNow;
    for (int step = 0; step < 400; ++step) {
      const uint64_t first = up_to(last);
      switch (random() % 8) {
        case 0:
        case 1:
        case 2: {
          const bool confirmed = random() % 4 != 0;
          // Mostly the same ttl.
          const Instant deadline = now + (random() % 3 == 0 ? up_to(40) : 30);
          last = add(backlog, confirmed, deadline);
          model.entries[last] = {confirmed, deadline};
          break;
        }
        case 3:
        case 4:
          for (uint64_t left = up_to(6); left != 0 && backlog.has_unsent(); --left) {
            model.send(backlog.next_unsent().tag);
            backlog.mark_sent();
          }
          break;
        case 5: {
          const uint64_t end = first + up_to(5);
          take(backlog, first, end);
          backlog.close_holes();
          model.take(first, end);
          break;
        }
        case 6: {
          now = now + up_to(10);
          std::set<uint64_t> due = model.due(now);
          backlog.for_each_due(now, [&](Backlog::Entry& entry) {
            ASSERT_EQ(due.erase(entry.tag), 1u) << entry.tag;
            model.expire(entry.tag);
            backlog.expire(entry);
          });
          ASSERT_TRUE(due.empty()) << *due.begin();
          ASSERT_GT(backlog.earliest_deadline(), now);
          backlog.close_holes();
          break;
        }
        case 7:
          if (random() % 4 != 0) break;
          backlog.rewind(std::min(first, backlog.highest_sent()));
          model.rewind(std::min(first, backlog.highest_sent()));
          break;
      }
      model.expect_same(backlog, totals, weight);
      if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << " step " << step;
    }
  }
}

}  // namespace
}  // namespace onehop::core::test
