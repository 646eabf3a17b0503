// Whatever is full at the same time, everything goes on in the end: two clients with full windows sending to each
// other, and two shards that have used up all parcel credit in both directions. No message may be without its outcome
// when there is nothing left to do. Ten times as many with ONEHOP_TEST_FULL=1.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "confirmed_peer.h"
#include "full_size.h"
#include "server_test/broker_rig.h"

namespace onehop::test {
namespace {

constexpr int kTurnMs = 100;
// Without anything happening for so long, they wait for each other for ever.
constexpr auto kPatience = std::chrono::seconds(30);

// A client that sends so many numbered messages to one other, again what is refused for want of room, and checks what
// it gets from that other. Repeats change the order, so of what comes it wants each once.
class Talker {
 public:
  Talker(BrokerRig& broker, const std::string& name, uint32_t receive_window)
      : peer(broker.address(), name, options(receive_window)) {
    peer.on_message = [this](const v1::Message& message) { take(message); };
    peer.on_outcome = [this](uint64_t id) { settle(id); };
  }

  void talk_to(const std::string& to, uint64_t count, size_t payload_bytes) {
    to_ = to;
    count_ = count;
    filler_.assign(payload_bytes, 'x');
    for (uint64_t number = 0; number < count; ++number) left_.push_back(number);
  }
  void fill_window() {
    while (!left_.empty() && peer.may_send(filler_.size() + 20)) {
      const uint64_t id = peer.send(to_, std::to_string(left_.front()) + " " + filler_);
      numbers_.resize(id + 1);
      numbers_[id] = left_.front();
      left_.pop_front();
    }
  }
  bool window_full() const { return left_.empty() || !peer.may_send(filler_.size() + 20); }
  bool done() const { return delivered_ == count_ && received_.size() == count_; }
  uint64_t happened() const { return delivered_ + refused_ + received_.size(); }
  std::string state() const {
    return peer.name() + ": " + peer.ledger().summary() + "; " + std::to_string(received_.size()) + " of " +
           std::to_string(count_) + " received, " + std::to_string(peer.unwritten_bytes()) + " bytes not written";
  }

  ConfirmedPeer peer;

 private:
  static ConfirmedPeer::Options options(uint32_t receive_window) {
    ConfirmedPeer::Options options;
    options.receive_window = receive_window;
    return options;
  }
  void take(const v1::Message& message) {
    const uint64_t number = std::stoull(message.payload());
    if (!received_.insert(number).second) ADD_FAILURE() << peer.name() << " got number " << number << " twice";
  }
  void settle(uint64_t id) {
    const OutcomeLedger::Entry& entry = peer.ledger().entry(id);
    if (entry.outcome == v1::OUTCOME_DELIVERED) {
      ++delivered_;
    } else if (entry.reason == v1::REASON_QUEUE_FULL) {
      ++refused_;
      left_.push_back(numbers_[id]);
    } else {
      ADD_FAILURE() << peer.name() << ": message " << id << " has the outcome " << v1::Outcome_Name(entry.outcome)
                    << " " << v1::Reason_Name(entry.reason);
    }
  }

  std::string to_, filler_;
  uint64_t count_ = 0, delivered_ = 0, refused_ = 0;
  std::deque<uint64_t> left_;
  std::vector<uint64_t> numbers_;  // By id.
  std::set<uint64_t> received_;
};

using Talkers = std::deque<std::unique_ptr<Talker>>;

enum class Reads : uint8_t {
  kAlways,
  kWhenStuck,  // Only when it can neither send nor write: as long as it can, it is not interested in what it is told.
};

// One turn of clients that read as little as they can.
void take_stubborn_turn(const std::vector<ConfirmedPeer*>& peers) {
  bool wrote = false;
  for (ConfirmedPeer* peer : peers) {
    const size_t before = peer->unwritten_bytes();
    peer->write();
    if (peer->unwritten_bytes() != before) {
      wrote = true;
    } else {
      peer->read();
    }
  }
  if (!wrote) take_turn(peers, 1);
}

// Lets them talk until all are done; fails with what they wait for.
void finish(const Talkers& talkers, Reads reads = Reads::kAlways) {
  std::vector<ConfirmedPeer*> peers;
  for (const auto& talker : talkers) peers.push_back(&talker->peer);
  using Clock = std::chrono::steady_clock;
  Clock::time_point idle_since = Clock::now();
  uint64_t before = 0;
  const auto all_done = [&] {
    return std::all_of(talkers.begin(), talkers.end(), [](const auto& talker) { return talker->done(); });
  };
  bool broken = false;
  while (!all_done() && !broken && Clock::now() - idle_since < kPatience) {
    for (const auto& talker : talkers) talker->fill_window();
    if (reads == Reads::kAlways) {
      take_turn(peers, kTurnMs);
    } else {
      take_stubborn_turn(peers);
    }
    uint64_t happened = 0;
    for (const auto& talker : talkers) {
      happened += talker->happened();
      broken = broken || !talker->peer.problems().empty();
    }
    if (happened != before) idle_since = Clock::now();
    before = happened;
  }
  for (const auto& talker : talkers) {
    for (const std::string& problem : talker->peer.problems()) ADD_FAILURE() << problem;
    EXPECT_TRUE(talker->done()) << talker->state();
    EXPECT_EQ(0u, talker->peer.ledger().open()) << talker->state();
  }
}

// Talkers whose names begin like this and live on this shard.
Talkers talkers_on(unsigned shard, size_t count, const std::string& prefix, BrokerRig& broker,
                   uint32_t receive_window) {
  Talkers talkers;
  for (int i = 0; talkers.size() < count; ++i) {
    auto talker = std::make_unique<Talker>(broker, prefix + std::to_string(i), receive_window);
    if (broker.home_of(talker->peer.name()) == shard) talkers.push_back(std::move(talker));
  }
  return talkers;
}

struct Load {
  const char* name;
  uint64_t messages;
  size_t payload_bytes;
  uint32_t receive_window;  // 0: the broker's default.
  bool overflows = false;   // The recipient's queue, if it does not read: some are refused.
};

void PrintTo(const Load& load, std::ostream* out) {
  *out << load.name;
}

void PrintTo(Reads reads, std::ostream* out) {
  *out << (reads == Reads::kAlways ? "reads always" : "reads when stuck");
}

class FullWindows : public testing::TestWithParam<std::tuple<unsigned, Load, Reads>> {};

TEST_P(FullWindows, OfTwoClientsThatSendToEachOther) {
  const auto& [shards, load, reads] = GetParam();
  BrokerRig broker(test_options(shards));
  Talkers talkers = talkers_on(0, 1, "left-", broker, load.receive_window);
  talkers.push_back(std::move(talkers_on(shards - 1, 1, "right-", broker, load.receive_window).back()));
  const uint64_t messages = full_or<uint64_t>(10, 1) * load.messages;
  talkers[0]->talk_to(talkers[1]->peer.name(), messages, load.payload_bytes);
  talkers[1]->talk_to(talkers[0]->peer.name(), messages, load.payload_bytes);
  // First both only write, until nothing more may be sent: the broker takes all of it from clients that do not read.
  for (const auto& talker : talkers) talker->fill_window();
  const auto all_written = [&] { return talkers[0]->peer.unwritten_bytes() + talkers[1]->peer.unwritten_bytes() == 0; };
  const auto begun = std::chrono::steady_clock::now();
  while (!all_written()) {
    for (const auto& talker : talkers) talker->peer.write();
    ASSERT_LT(std::chrono::steady_clock::now() - begun, kPatience) << "the broker does not read:\n"
                                                                   << talkers[0]->state() << "\n"
                                                                   << talkers[1]->state();
  }
  ASSERT_TRUE(talkers[0]->window_full() && talkers[1]->window_full());
  finish(talkers, reads);
  // Who reads all the time may be quick enough for the queue never to fill.
  const bool overflows = load.overflows && reads == Reads::kWhenStuck;
  EXPECT_TRUE(!overflows || broker->counters().messages_refused != 0) << "nothing was refused";
}

constexpr Load kLoads[] = {
    {"Small", 40'000, 100, 0},           {"OneAtATime", 10'000, 100, 1},
    {"Large", 2'000, 20'000, 0, true},   {"LargeOneAtATime", 400, 20'000, 1, true},
    {"AlmostAFrame", 100, 1'000'000, 0},
};

INSTANTIATE_TEST_SUITE_P(Loads, FullWindows,
                         testing::Combine(testing::Values(1u, 2u), testing::ValuesIn(kLoads),
                                          testing::Values(Reads::kAlways, Reads::kWhenStuck)),
                         [](const auto& test) {
                           return std::string(std::get<1>(test.param).name) + "On" +
                                  std::to_string(std::get<0>(test.param)) +
                                  (std::get<2>(test.param) == Reads::kWhenStuck ? "Stubborn" : "");
                         });

// Each client of one shard sends large messages to one of the other, both ways, as much as the windows allow.
TEST(FullParcels, BetweenTwoShardsInBothDirections) {
  constexpr size_t kPairs = 16;
  constexpr size_t kPayloadBytes = 200'000;
  BrokerRig broker(test_options(2));
  Talkers talkers = talkers_on(0, kPairs, "left-", broker, 0);
  for (auto& talker : talkers_on(1, kPairs, "right-", broker, 0)) talkers.push_back(std::move(talker));
  for (size_t i = 0; i < 2 * kPairs; ++i) {
    talkers[i]->talk_to(talkers[(i + kPairs) % (2 * kPairs)]->peer.name(), full_or<uint64_t>(500, 50), kPayloadBytes);
  }
  finish(talkers);
  EXPECT_GT(broker->counters().reading_stopped, 0u) << "the parcels were never used up";
}

// Small ones too: credit is by parcels, and many small messages share one.
TEST(FullParcels, OfSmallMessages) {
  constexpr size_t kPairs = 8;
  BrokerRig broker(test_options(2));
  Talkers talkers = talkers_on(0, kPairs, "left-", broker, 0);
  for (auto& talker : talkers_on(1, kPairs, "right-", broker, 0)) talkers.push_back(std::move(talker));
  for (size_t i = 0; i < 2 * kPairs; ++i) {
    talkers[i]->talk_to(talkers[(i + kPairs) % (2 * kPairs)]->peer.name(), full_or<uint64_t>(100'000, 10'000), 500);
  }
  finish(talkers);
}

}  // namespace
}  // namespace onehop::test
