// onehop-sim-planted: switches one planted bug on and plays seeds until the simulator finds it.
//
//   onehop-sim-planted --bug NAME --within SEEDS   ends with 0 if the bug is found within that many seeds
//   onehop-sim-planted --seed S                    no bug: plays one seed and prints its trace as onehop-sim does
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/planted_bugs.h"
#include "sim/run.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/common_interface_defs.h>
#define ONEHOP_SANITIZED
#endif
#endif

namespace {

using onehop::core::Planted;

using onehop::core::kPlantedNames;
constexpr unsigned kCount = static_cast<unsigned>(Planted::kCount);

unsigned g_bug = 0;
volatile unsigned long long g_seed = 0;

void found(const char* how) {
  std::printf("%s (%s): found with seed %llu: %s\n", kPlantedNames[g_bug].name, kPlantedNames[g_bug].says, g_seed, how);
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
  std::printf("%s (%s): NOT found within %llu seeds\n", kPlantedNames[g_bug].name, kPlantedNames[g_bug].says, seeds);
  return 1;
}

int play_without_bugs(unsigned long long seed) {
  const onehop::sim::RunResult result = onehop::sim::run_seed(seed, false);
  onehop::sim::print_run(seed, result);
  return result.failure.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--seed") == 0) return play_without_bugs(std::strtoull(argv[2], nullptr, 10));
  if (argc == 5 && std::strcmp(argv[1], "--bug") == 0 && std::strcmp(argv[3], "--within") == 0) {
    for (g_bug = 1; g_bug < kCount; ++g_bug) {
      if (std::strcmp(argv[2], kPlantedNames[g_bug].name) == 0) return play(std::strtoull(argv[4], nullptr, 10));
    }
  }
  std::fprintf(stderr, "usage: onehop-sim-planted --bug NAME --within SEEDS | --seed S\nthe bugs:\n");
  for (unsigned bug = 1; bug < kCount; ++bug) {
    std::fprintf(stderr, "  %-24s %s\n", kPlantedNames[bug].name, kPlantedNames[bug].says);
  }
  return 2;
}
