// 64 clients, on connections accepted by 4 shards, fight for one name while 10 others send to it. At any time one of
// them owns it: what was sent after a newer connection was told that it is the owner never comes to an elder one, a
// message comes to one session only, and twice there only if the second time is marked. Every confirmed message has one
// outcome, and it is true. For 3 s; for 10 s with ONEHOP_TEST_FULL=1.
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include "confirmed_peer.h"
#include "full_size.h"
#include "name_fight.h"
#include "server_test/broker_rig.h"

namespace onehop::test {
namespace {

constexpr size_t kThreads = 4;
constexpr size_t kFightersPerThread = 16;
constexpr size_t kSenders = 10;
constexpr uint64_t kOpenMax = 64;
constexpr uint64_t kMessagesPerTurn = 4;
constexpr int kPatienceTurns = 30'000;  // Of at least a millisecond, for what must come by itself at the end.

// What is done in each turn by a thread, until it is told to stop.
template <typename Step>
std::thread repeat(std::atomic<bool>& stopping, Step step) {
  return std::thread([&stopping, step] {
    while (!stopping) {
      step();
      ::poll(nullptr, 0, 1);
    }
  });
}

class NameFight : public testing::Test {
 protected:
  NameFight() {
    for (size_t i = 0; i < kThreads * kFightersPerThread; ++i) fighters_.emplace_back(broker_.address(), board_, i + 1);
    for (size_t i = 0; i < kSenders; ++i) {
      senders_.push_back(std::make_unique<ConfirmedPeer>(broker_.address(), "sender-" + std::to_string(i)));
      sending_.push_back(senders_.back().get());
    }
  }

  void send_turn(bool more) {
    for (ConfirmedPeer* sender : sending_) {
      for (uint64_t i = 0; more && i < kMessagesPerTurn && sender->ledger().open() < kOpenMax; ++i) {
        sender->send(kContestedName, std::to_string(now_ns()));
      }
    }
    take_turn(sending_, 0);
  }

  void fight() {
    std::atomic<bool> stopping{false};
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kThreads; ++i) {
      threads.push_back(repeat(stopping, [this, i] {
        for (size_t j = 0; j < kFightersPerThread; ++j) fighters_[i * kFightersPerThread + j].step();
      }));
    }
    threads.push_back(repeat(stopping, [this] { send_turn(true); }));
    std::this_thread::sleep_for(std::chrono::seconds(full_or(10, 3)));
    stopping = true;
    for (std::thread& thread : threads) thread.join();
  }

  // The first of them takes the name for good and leaves; then nothing may be open.
  void settle() {
    Fighter& last = fighters_.front();
    for (int i = 0; !last.step_to_own(); ++i) {
      ASSERT_LT(i, kPatienceTurns) << "the name can no longer be taken over";
      ::poll(nullptr, 0, 1);
    }
    last.leave_for_good();
    const auto open = [this] {
      return std::any_of(sending_.begin(), sending_.end(), [](const auto* sender) { return sender->ledger().open(); });
    };
    for (int i = 0; open() && i < kPatienceTurns; ++i) {
      send_turn(false);
      ::poll(nullptr, 0, 1);
    }
    for (const ConfirmedPeer* sender : sending_) {
      EXPECT_EQ(0u, sender->ledger().open()) << sender->name() << ": " << sender->ledger().summary();
    }
  }

  // By session and attempt, so in the order in which the broker gave the name to them.
  std::vector<const Ownership*> ownerships() const {
    std::vector<const Ownership*> all;
    for (const Fighter& fighter : fighters_) {
      for (const Ownership& ownership : fighter.ownerships()) all.push_back(&ownership);
    }
    std::sort(all.begin(), all.end(), [](const Ownership* a, const Ownership* b) {
      return std::pair(a->session, a->attempt) < std::pair(b->session, b->attempt);
    });
    return all;
  }

  void check_owners();
  void check_deliveries();
  void check_outcomes();
  void check_events();
  void report();

  static BrokerOptions options() {
    BrokerOptions options = test_options(4);
    options.acceptors = 0;
    return options;
  }

  BrokerRig broker_{options()};
  TokenBoard board_;
  std::deque<Fighter> fighters_;
  std::vector<std::unique_ptr<ConfirmedPeer>> senders_;
  std::vector<ConfirmedPeer*> sending_;

  struct Received {
    uint64_t session = 0;
    uint64_t tag = 0;
    bool acknowledged = false;
  };
  std::map<std::pair<std::string, uint64_t>, Received> received_;  // By sender and id.
};

std::string describe(const Ownership& ownership) {
  return "session " + std::to_string(ownership.session) + " attempt " + std::to_string(ownership.attempt);
}

// No two connections are the same attempt, and an elder one gets nothing that was sent once a newer one was told.
void NameFight::check_owners() {
  uint64_t newer_connected_ns = UINT64_MAX;
  const auto all = ownerships();
  for (size_t i = all.size(); i-- != 0;) {
    const Ownership& ownership = *all[i];
    if (i + 1 < all.size()) {
      EXPECT_NE(std::pair(ownership.session, ownership.attempt), std::pair(all[i + 1]->session, all[i + 1]->attempt))
          << "two connections were told that they are " << describe(ownership);
    }
    for (const Ownership::Delivery& delivery : ownership.deliveries) {
      ASSERT_LT(delivery.sent_ns, newer_connected_ns)
          << describe(ownership) << " got " << delivery.from << "'s message " << delivery.id
          << ", which was sent when a newer connection knew that it owns the name";
    }
    newer_connected_ns = std::min(newer_connected_ns, ownership.connected_ns);
  }
}

void NameFight::check_deliveries() {
  std::map<uint64_t, uint64_t> acknowledged;  // By session.
  for (const Fighter& fighter : fighters_) {
    for (const auto& [session, up_to] : fighter.acknowledged()) {
      acknowledged[session] = std::max(acknowledged[session], up_to);
    }
  }
  for (const Ownership* ownership : ownerships()) {
    std::map<std::string, uint64_t> last_id;
    for (const Ownership::Delivery& delivery : ownership->deliveries) {
      const std::string what =
          delivery.from + "'s message " + std::to_string(delivery.id) + " at " + describe(*ownership);
      ASSERT_LT(std::exchange(last_id[delivery.from], delivery.id), delivery.id) << "out of order: " << what;
      Received& received = received_[{delivery.from, delivery.id}];
      if (received.session != 0) {
        ASSERT_EQ(received.session, ownership->session) << "it had been given to another session: " << what;
        ASSERT_EQ(received.tag, delivery.tag) << "it had another tag before: " << what;
        ASSERT_TRUE(delivery.redelivered) << "it had been given to an elder connection and is not marked: " << what;
      }
      received = {ownership->session, delivery.tag, delivery.tag <= acknowledged[ownership->session]};
    }
  }
}

void NameFight::check_outcomes() {
  for (const ConfirmedPeer* sender : sending_) {
    for (const std::string& problem : sender->problems()) ADD_FAILURE() << problem;
    for (uint64_t id = 1; id <= sender->ledger().sent(); ++id) {
      const OutcomeLedger::Entry& entry = sender->ledger().entry(id);
      const auto found = received_.find({sender->name(), id});
      const std::string what = sender->name() + "'s message " + std::to_string(id) + ": " +
                               v1::Outcome_Name(entry.outcome) + " " + v1::Reason_Name(entry.reason);
      switch (entry.outcome) {
        case v1::OUTCOME_DELIVERED:
          ASSERT_TRUE(found != received_.end() && found->second.acknowledged) << "nobody acknowledged " << what;
          break;
        case v1::OUTCOME_LOST:
          ASSERT_EQ(v1::REASON_CONNECTION_LOST, entry.reason) << what;
          ASSERT_TRUE(entry.attempted || found == received_.end()) << "not attempted, and received: " << what;
          break;
        default:
          ASSERT_EQ(v1::OUTCOME_REJECTED, entry.outcome) << what;
          ASSERT_EQ(v1::REASON_UNKNOWN_CLIENT, entry.reason) << what;
          ASSERT_TRUE(found == received_.end()) << "received all the same: " << what;
      }
    }
  }
}

// As the broker tells it: a session of the name opens only when the one before has ended.
void NameFight::check_events() {
  using Kind = BrokerEvent::Kind;
  uint64_t owner = 0;
  bool attached = false;
  for (const SeenEvent& event : broker_.events()) {
    if (event.name != kContestedName || event.kind == Kind::kConnectRefused) continue;
    if (event.kind == Kind::kSessionOpened) {
      ASSERT_EQ(0u, owner) << "session " << event.session << " opened while another owned the name";
      owner = event.session;
      attached = true;
      continue;
    }
    ASSERT_EQ(owner, event.session) << "told of a session that does not own the name";
    if (event.kind == Kind::kSessionResumed) {
      ASSERT_FALSE(attached) << "session " << event.session << " got a second connection";
      attached = true;
    } else if (event.kind == Kind::kConnectionEnded || event.kind == Kind::kSessionDetached) {
      attached = false;
    } else {
      owner = 0;
    }
  }
  EXPECT_EQ(0u, owner) << "the last owner said goodbye, and its session is still there";
}

void NameFight::report() {
  std::map<std::string, uint64_t> refusals;
  for (const Fighter& fighter : fighters_) {
    for (const auto& [code, count] : fighter.refusals()) refusals[code] += count;
  }
  const auto all = ownerships();
  std::set<uint64_t> sessions;
  for (const Ownership* ownership : all) sessions.insert(ownership->session);
  std::map<std::string, uint64_t> outcomes;
  uint64_t sent = 0;
  for (const ConfirmedPeer* sender : sending_) {
    sent += sender->ledger().sent();
    for (const auto outcome : {v1::OUTCOME_DELIVERED, v1::OUTCOME_LOST, v1::OUTCOME_REJECTED}) {
      outcomes[v1::Outcome_Name(outcome)] += sender->ledger().count(outcome);
    }
  }
  uint64_t sum = 0;
  std::cout << all.size() << " ownerships in " << sessions.size() << " sessions;";
  for (const auto& [code, count] : refusals) std::cout << " " << count << " connects answered " << code << ";";
  std::cout << " " << sent << " messages:";
  for (const auto& [outcome, count] : outcomes) {
    std::cout << " " << count << " " << outcome;
    sum += count;
  }
  std::cout << "\n";
  EXPECT_EQ(sent, sum);
  EXPECT_GT(sessions.size(), 1u) << "nobody took over";
  EXPECT_GT(all.size(), sessions.size()) << "nobody resumed";
  EXPECT_GT(outcomes["OUTCOME_DELIVERED"], 0u);
}

TEST_F(NameFight, HasOneOwnerAtAnyTimeAndOneOutcomeForEachMessage) {
  fight();
  settle();
  for (const Fighter& fighter : fighters_) {
    for (const std::string& problem : fighter.problems()) ADD_FAILURE() << problem;
  }
  check_owners();
  check_deliveries();
  check_outcomes();
  check_events();
  report();
}

}  // namespace
}  // namespace onehop::test
