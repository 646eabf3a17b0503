// onehop-sim: plays seeds, and says of each failure how to see it again.
//
//   onehop-sim --seed S [--verbose]       one seed, its trace, and every call between shards and hosts
//   onehop-sim --seeds N [--from S]       N seeds, and how often each trouble was provoked
//   onehop-sim --same N [--from S]        N seeds twice each: the traces must be the same
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "sim/run.h"

namespace {

using onehop::sim::RunResult;

// The seed under way, for the message of an assertion that fails within the broker.
volatile unsigned long long g_seed = 0;

void print_seed_and_end(int signal) {
  std::printf("seed %llu ended with signal %d\nsee it again: onehop-sim --seed %llu --verbose\n", g_seed, signal,
              g_seed);
  std::fflush(stdout);
  std::_Exit(1);
}

RunResult run(unsigned long long seed, bool verbose) {
  g_seed = seed;
  RunResult result = onehop::sim::run_seed(seed, verbose);
  if (!result.failure.empty()) {
    std::printf("seed %llu FAILED: %s\nsee it again: onehop-sim --seed %llu --verbose\n", seed, result.failure.c_str(),
                seed);
  }
  return result;
}

int run_one(unsigned long long seed, bool verbose) {
  const RunResult result = run(seed, verbose);
  onehop::sim::print_run(seed, result);
  return result.failure.empty() ? 0 : 1;
}

int run_same(unsigned long long from, unsigned long long count) {
  for (unsigned long long seed = from; seed < from + count; ++seed) {
    const RunResult first = run(seed, false);
    const RunResult second = run(seed, false);
    if (!first.failure.empty()) return 1;
    std::printf("seed %llu trace %016llx\n", seed, static_cast<unsigned long long>(first.trace));
    if (first.trace != second.trace) {
      std::printf("seed %llu has another trace the second time\n", seed);
      return 1;
    }
  }
  return 0;
}

// Fewer seeds than this need not provoke everything.
constexpr unsigned long long kSeedsForCoverage = 100;

int report(const onehop::sim::Coverage& coverage, unsigned long long seeds) {
  int missing = 0;
  for (size_t i = 0; i < onehop::sim::kProvoked; ++i) {
    const auto what = static_cast<onehop::sim::Provoked>(i);
    std::printf("  %-34s %llu\n", name_of(what), static_cast<unsigned long long>(coverage.of(what)));
    if (coverage.of(what) == 0) ++missing;
  }
  if (missing != 0) std::printf("%d things were never provoked\n", missing);
  return missing != 0 && seeds >= kSeedsForCoverage ? 1 : 0;
}

int run_many(unsigned long long from, unsigned long long count) {
  onehop::sim::Coverage coverage;
  unsigned long long messages = 0;
  unsigned long long failed = 0;
  double simulated = 0;
  const std::clock_t begin = std::clock();
  for (unsigned long long seed = from; seed < from + count; ++seed) {
    const RunResult result = run(seed, false);
    coverage.add(result.coverage);
    messages += result.messages;
    simulated += static_cast<double>(result.simulated_us) / 1e6;
    if (!result.failure.empty() && ++failed == 20) break;
  }
  const double spent = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  const int uncovered = report(coverage, count);
  std::printf("%llu seeds, %llu messages, %.0f s simulated in %.1f s: %.0f times as fast as time; %llu failed\n", count,
              messages, simulated, spent, spent > 0 ? simulated / spent : 0, failed);
  return failed == 0 ? uncovered : 1;
}

int usage() {
  std::fprintf(stderr, "usage: onehop-sim --seed S [--verbose] | --seeds N [--from S] | --same N [--from S]\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGABRT, print_seed_and_end);
  std::signal(SIGSEGV, print_seed_and_end);
  const char* what = nullptr;
  unsigned long long value = 0;
  unsigned long long from = 1;
  bool verbose = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--verbose") == 0) {
      verbose = true;
      continue;
    }
    if (i + 1 == argc) return usage();
    char* end = nullptr;
    const unsigned long long number = std::strtoull(argv[i + 1], &end, 10);
    if (end == argv[i + 1] || *end != '\0') return usage();
    if (std::strcmp(argv[i], "--from") == 0) {
      from = number;
    } else {
      what = argv[i];
      value = number;
    }
    ++i;
  }
  if (what == nullptr) return usage();
  if (std::strcmp(what, "--seed") == 0) return run_one(value, verbose);
  if (std::strcmp(what, "--seeds") == 0) return run_many(from, value);
  if (std::strcmp(what, "--same") == 0) return run_same(from, value);
  return usage();
}
