// onehop-sim-planted: switches one planted bug on and plays seeds until the simulator finds it.
//
//   onehop-sim-planted --bug N --within SEEDS    ends with 0 if bug number N is found within so many seeds
//   onehop-sim-planted --count N                 ends with 0 if there are N bugs, so that a list elsewhere is complete
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/planted.h"
#include "sim/run.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/common_interface_defs.h>
#define ONEHOP_SANITIZED
#endif
#endif

namespace {

using onehop::core::Planted;

// In the order of Planted.
constexpr const char* kNames[] = {
    "none",
    "epoch not checked",
    "gate opened by RESUME",
    "gate not closed",
    "gate outlives its opening",
    "refusal told twice",
    "refusal forgotten",
    "receipt to the newcomer",
    "pong without barrier",
    "control forgotten",
    "PAUSE with each message",
    "PAUSE at the low mark",
    "credit lost",
    "parcels reversed",
    "hand-over drops pipelined bytes",
    "partial write repeated",
    "goodbye within a frame",
    "destination stale",
    "receive block reused",
    "recipient's own limit ignored",
    "takeover not damped",
    "dead too early",
    "failure forgotten",
    "session number reused",
    "wait for credit forgotten",
    "queue without limit",
    "slow consumer forgotten",
    "RESUME forgotten",
    "outcome told twice",
    "receipts not repeated on resume",
    "received_up_to ignored",
    "nothing redelivered",
    "redelivered backwards",
    "expired message stays",
    "ack of another session taken",
    "refusal after the rest",
    "attempt not compared",
    "session never expires",
    "LOST not told",
    "last_id forgotten",
    "repeated message not skipped",
    "window slot freed at expiry",
    "elder connection keeps the session",
    "gate lost on detach",
    "send window slot kept",
    "token not compared",
    "attempted forgotten",
    "ttl stands while away",
    "send window ignored",
    "verdicts in Connect lost",
    "goodbye before the outcomes",
    "goodbye NORMAL only detaches",
    "different fates merged",
    "receive window ignored",
    "unconfirmed overtakes",
    "expiry outlives the resume",
    "ack timeout forgotten",
    "drain admits",
    "drain forgets who is away",
    "drain keeps who goes away",
    "drain ignores acks",
    "drain's goodbye ends the link",
    "rate limit ignored",
    "refused message takes of the rate",
    "memory not given back",
    "another than the largest ended",
};
constexpr unsigned kCount = static_cast<unsigned>(Planted::kCount);
static_assert(sizeof kNames / sizeof kNames[0] == kCount);

unsigned g_bug = 0;
volatile unsigned long long g_seed = 0;

void found(const char* how) {
  std::printf("planted bug %u, %s: found with seed %llu: %s\n", g_bug, kNames[g_bug], g_seed, how);
  std::fflush(stdout);
}

void found_by_assertion(int signal) {
  found(signal == SIGABRT ? "an assertion failed" : "a crash");
  std::_Exit(0);
}

#ifdef ONEHOP_SANITIZED
void found_by_sanitizer() {
  found("a sanitizer's finding");
  std::_Exit(0);
}
#endif

int play(unsigned long long seeds) {
  std::signal(SIGABRT, found_by_assertion);
  std::signal(SIGSEGV, found_by_assertion);
#ifdef ONEHOP_SANITIZED
  __sanitizer_set_death_callback(found_by_sanitizer);
#endif
  onehop::core::planted_bug = static_cast<Planted>(g_bug);
  for (unsigned long long seed = 1; seed <= seeds; ++seed) {
    g_seed = seed;
    const onehop::sim::RunResult result = onehop::sim::run_seed(seed, false);
    if (result.failure.empty()) continue;
    found(result.failure.c_str());
    return 0;
  }
  std::printf("planted bug %u, %s: NOT found within %llu seeds\n", g_bug, kNames[g_bug], seeds);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--count") == 0) {
    return std::strtoul(argv[2], nullptr, 10) == kCount - 1 ? 0 : 1;
  }
  if (argc == 5 && std::strcmp(argv[1], "--bug") == 0 && std::strcmp(argv[3], "--within") == 0) {
    g_bug = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
    if (g_bug != 0 && g_bug < kCount) return play(std::strtoull(argv[4], nullptr, 10));
  }
  std::fprintf(stderr, "usage: onehop-sim-planted --bug 1..%u --within SEEDS | --count N\n", kCount - 1);
  return 2;
}
