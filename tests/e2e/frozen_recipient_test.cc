// A recipient is frozen (SIGSTOP) for a while, again and again, shorter than slow_consumer_ms, with small socket
// buffers and a small queue. Its sender ignores PAUSE: it sees PAUSE, then QUEUE_FULL, and repeats in order through the
// gate once the recipient goes on. Another destination of the same sender does not notice: the round trips to it take
// as long as before. Nine freezes of five hundred round trips; fifty with ONEHOP_TEST_FULL=1.
//
// What is compared is time, which no other test does: the 99th percentile of the round trips with the recipient frozen
// and not frozen, in turns, the sender doing the same all along; and of all turns, the one in the middle. Below
// kNoiseNs nothing is compared: so much comes from a machine that does other things too.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "confirmed_peer.h"
#include "full_size.h"
#include "server_test/broker_rig.h"
#include "server_test/child_process.h"

namespace onehop::test {
namespace {

constexpr int kSocketBytes = 4 << 10;
constexpr int kTurnMs = 100;
constexpr int kPatienceMs = 30'000;
constexpr size_t kFillerBytes = 1'000;
constexpr uint64_t kProbesPerPhase = 500;
constexpr int64_t kNoiseNs = 2'000'000;

BrokerOptions narrow_options(unsigned shards) {
  BrokerOptions options = test_options(shards);
  options.send_buffer_bytes = kSocketBytes;
  options.frame_bytes_max = 16 << 10;
  options.queue_bytes_max = 64 << 10;
  options.slow_consumer_ms = 60'000;
  return options;
}

int64_t percentile(std::vector<int64_t> values, size_t percent) {
  const auto at = values.begin() + static_cast<int64_t>(values.size() * percent / 100);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

// The other destination: takes what comes, on a thread of its own.
class Other {
 public:
  explicit Other(const std::string& address) : peer_(address, "other") {
    thread_ = std::thread([this] {
      while (!ending_) take_turn({&peer_}, kTurnMs);
    });
  }
  ~Other() {
    ending_ = true;
    thread_.join();
  }

 private:
  ConfirmedPeer peer_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

class FrozenRecipient : public testing::TestWithParam<unsigned> {
 protected:
  FrozenRecipient() {
    recipient_.wait_for_output([](const auto& lines) { return !lines.empty(); });
    sender_.on_flow = [this](const v1::Flow& flow) {
      if (flow.client() == "recipient") paused_ = flow.state() == v1::STATE_PAUSE;
    };
    sender_.on_outcome = [this](uint64_t id) { take_outcome(id); };
  }

  static ConfirmedPeer::Options sender_options() {
    ConfirmedPeer::Options options;
    options.ordered_refusals = true;
    return options;
  }

  void send_number(uint64_t number) {
    const uint64_t id = sender_.send("recipient", std::to_string(number) + " " + std::string(kFillerBytes, 'x'));
    numbers_.resize(id + 1);
    numbers_[id] = number;
  }
  void take_outcome(uint64_t id) {
    const OutcomeLedger::Entry& entry = sender_.ledger().entry(id);
    if (id == probe_) {
      probe_ = 0;
      EXPECT_EQ(v1::OUTCOME_DELIVERED, entry.outcome) << "a message to the other destination";
    } else if (entry.reason == v1::REASON_QUEUE_FULL) {
      // In a burst both are told at once, and then the order means nothing.
      if (frozen_ && refused_.empty()) paused_first_ = paused_;
      refused_.push_back(numbers_[id]);
    } else {
      EXPECT_EQ(v1::OUTCOME_DELIVERED, entry.outcome) << "a message to the recipient";
    }
  }

  // Messages to the recipient, each followed by one round trip to the other destination. Returns how long those took:
  // the 99th percentile.
  int64_t probe() {
    std::vector<int64_t> times_ns{0};
    for (uint64_t i = 0; i < kProbesPerPhase && !HasFailure(); ++i) {
      send_number(next_number_++);
      const auto began = std::chrono::steady_clock::now();
      probe_ = sender_.send("other", "probe");
      wait_until([this] { return probe_ == 0; }, "the outcome of a message to the other destination");
      times_ns.push_back(
          std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - began).count());
      ++probes_;
    }
    return percentile(times_ns, 99);
  }

  // Until all is delivered: says that it knows, and repeats what was refused. All that waits is out before each round,
  // so each brings something through.
  void repeat_refused() {
    while (!HasFailure()) {
      wait_until([this] { return sender_.ledger().open() == 0; }, "the outcomes of what was admitted");
      if (refused_.empty()) return;
      sender_.send_frame(resume_frame("recipient"));
      ++repeats_;
      for (const uint64_t number : std::exchange(refused_, {})) send_number(number);
    }
  }

  template <typename Holds>
  void wait_until(Holds holds, const std::string& what) {
    for (int idle_ms = 0; !holds() && sender_.problems().empty();) {
      const uint64_t before = sender_.ledger().open();
      take_turn({&sender_}, kTurnMs);
      idle_ms = sender_.ledger().open() == before ? idle_ms + kTurnMs : 0;
      if (idle_ms >= kPatienceMs) FAIL() << what << " did not come: " << sender_.ledger().summary();
    }
    for (const std::string& problem : sender_.problems()) ADD_FAILURE() << problem;
  }

  BrokerRig broker_{narrow_options(GetParam())};
  Other other_{broker_.address()};
  ChildProcess recipient_{
      ChildOptions{{ONEHOP_RAW_RECIPIENT, broker_.address(), "recipient", std::to_string(kSocketBytes)}, {}, 0}};
  ConfirmedPeer sender_{broker_.address(), "sender", sender_options()};
  std::vector<uint64_t> numbers_;  // What each id carried.
  std::vector<uint64_t> refused_;  // In order; to be repeated.
  uint64_t next_number_ = 0;
  uint64_t probe_ = 0;  // The id that is waited for.
  uint64_t probes_ = 0;
  uint64_t repeats_ = 0;
  bool frozen_ = false;
  bool paused_ = false;
  bool paused_first_ = false;  // In the present freeze, PAUSE came before QUEUE_FULL.
};

TEST_P(FrozenRecipient, IsPausedRefusedAndCaughtUpInOrderWhileOthersGoOn) {
  std::vector<int64_t> quiet_ns, frozen_ns;  // The 99th percentile of each turn.
  for (int round = 0; round < full_or(50, 9) && !HasFailure(); ++round) {
    quiet_ns.push_back(probe());
    repeat_refused();
    paused_ = paused_first_ = false;
    frozen_ = true;
    recipient_.send_signal(SIGSTOP);
    frozen_ns.push_back(probe());
    frozen_ = false;
    EXPECT_FALSE(refused_.empty()) << "nothing was refused";
    EXPECT_TRUE(paused_first_) << "no PAUSE came before the first QUEUE_FULL";
    recipient_.send_signal(SIGCONT);
    repeat_refused();
  }
  const auto lines =
      recipient_.wait_for_output([this](const auto& all) { return HasFailure() || all.size() > next_number_; });
  for (uint64_t i = 0; i < next_number_ && i + 1 < lines.size(); ++i) {
    ASSERT_EQ(std::to_string(i), lines[i + 1]) << "what the recipient wrote at line " << i;
  }
  EXPECT_EQ(next_number_ + 1, lines.size());
  const uint64_t delivered = sender_.ledger().count(v1::OUTCOME_DELIVERED);
  EXPECT_EQ(next_number_ + probes_, delivered) << sender_.ledger().summary();
  EXPECT_EQ(sender_.ledger().sent(), delivered + sender_.ledger().count(v1::OUTCOME_REJECTED));
  if (HasFailure()) return;
  const int64_t quiet = percentile(quiet_ns, 50);
  const int64_t frozen = percentile(frozen_ns, 50);
  std::cout << "p99 of the round trips to the other destination, the middle one of " << quiet_ns.size()
            << " turns: " << quiet / 1'000 << " us, with the recipient frozen " << frozen / 1'000
            << " us; the gate was opened " << repeats_ << " times; " << sender_.ledger().summary() << "\n";
  EXPECT_LE(frozen, std::max(2 * quiet, kNoiseNs)) << "p99 in nanoseconds; not frozen: " << quiet;
}

INSTANTIATE_TEST_SUITE_P(Shards, FrozenRecipient, testing::Values(1u, 2u));

}  // namespace
}  // namespace onehop::test
