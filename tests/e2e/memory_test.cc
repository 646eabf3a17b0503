// Confirmed messages through one pair of connections, the send window always full, receipts acknowledged: the broker's
// resident memory does not grow with their number. 200,000 messages; 1,000,000 with ONEHOP_TEST_FULL=1.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>

#include "confirmed_peer.h"
#include "full_size.h"
#include "server_test/child_process.h"
#include "server_test/log_line.h"
#include "server_test/sanitizers.h"

namespace onehop::test {
namespace {

constexpr int64_t kGrowthBytesMax = 1 << 20;
constexpr uint64_t kLookEvery = 500;
constexpr size_t kPayloadBytes = 128;
// Without anything to do for so long, they wait for what will not come.
constexpr int kPatienceMs = 30'000;

int64_t resident_bytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  int64_t all = 0;
  int64_t resident = 0;
  file >> all >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

unsigned home_of(Onehopd& broker, const std::string& name) {
  unsigned shard = 0;
  broker.wait_for_errors([&](const ChildProcess::Lines& lines) {
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& text) {
      const std::optional<LogLine> line = parse_log_line(text);
      if (!line || value_of(*line, "event") != "session_opened" || value_of(*line, "name") != name) return false;
      shard = static_cast<unsigned>(std::stoul(value_of(*line, "shard")));
      return true;
    });
  });
  return shard;
}

// A recipient on another shard than the sender, if there is one.
std::unique_ptr<ConfirmedPeer> recipient_far_from(const std::string& sender, Onehopd& broker, unsigned shards) {
  for (int i = 0;; ++i) {
    auto peer = std::make_unique<ConfirmedPeer>(broker.address(), "recipient-" + std::to_string(i));
    if (shards == 1 || home_of(broker, peer->name()) != home_of(broker, sender)) return peer;
  }
}

class Memory : public testing::TestWithParam<unsigned> {};

TEST_P(Memory, DoesNotGrowWithConfirmedMessages) {
  const uint64_t messages = full_or<uint64_t>(1'000'000, 200'000);
  Onehopd broker({"--shards", std::to_string(GetParam()), "--log-level", "debug", "--log-format", "json"});
  ConfirmedPeer sender(broker.address(), "sender");
  const auto recipient = recipient_far_from("sender", broker, GetParam());
  uint64_t expected_id = 0;
  recipient->on_message = [&](const v1::Message& message) {
    if (message.id() != ++expected_id) FAIL() << "message " << message.id() << " came, " << expected_id << " was next";
  };
  const std::string payload(kPayloadBytes, 'x');
  int64_t at_warm_up = 0;
  int64_t highest = 0;
  uint64_t settled = 0;
  sender.on_outcome = [&](uint64_t) {
    if (++settled % kLookEvery != 0) return;
    const int64_t resident = resident_bytes(broker.pid());
    if (settled <= messages / 10) at_warm_up = resident;
    highest = std::max(highest, resident);
  };
  int idle_ms = 0;
  while (settled < messages && idle_ms < kPatienceMs && !HasFailure()) {
    while (sender.ledger().sent() < messages && sender.may_send(payload.size()))
      sender.send(recipient->name(), payload);
    const uint64_t before = settled;
    constexpr int kTurnMs = 100;
    take_turn({&sender, recipient.get()}, kTurnMs);
    idle_ms = settled == before ? idle_ms + kTurnMs : 0;
    if (!sender.problems().empty() || !recipient->problems().empty()) break;
  }
  for (const std::string& problem : sender.problems()) ADD_FAILURE() << problem;
  for (const std::string& problem : recipient->problems()) ADD_FAILURE() << problem;
  EXPECT_EQ(messages, sender.ledger().count(v1::OUTCOME_DELIVERED)) << sender.ledger().summary();
  EXPECT_EQ(messages, recipient->received());
  // Sanitizers keep what is freed.
  if (kAddressSanitized || kThreadSanitized) return;
  EXPECT_LE(highest - at_warm_up, kGrowthBytesMax)
      << "resident after the warm-up " << at_warm_up << " bytes, later at most " << highest;
  RecordProperty("growth_bytes", std::to_string(highest - at_warm_up));
  std::cout << "resident after the warm-up " << at_warm_up / 1024 << " KiB, later at most " << highest / 1024
            << " KiB, at the end " << resident_bytes(broker.pid()) / 1024 << " KiB\n";
}

INSTANTIATE_TEST_SUITE_P(Shards, Memory, testing::Values(1u, 2u));

}  // namespace
}  // namespace onehop::test
