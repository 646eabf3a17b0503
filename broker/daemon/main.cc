// onehopd: a configuration, signals, a log, and a Broker.
#include <google/protobuf/stubs/logging.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstdio>
#include <string>
#include <vector>

#include "daemon/command_line.h"
#include "daemon/running.h"

namespace onehop::daemon {
namespace {

// Signals are taken by the main thread with sigwait, so that no handler runs anywhere.
void block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGALRM}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // What nobody reads any more is an error of write(), and no reason to end.
  ::signal(SIGPIPE, SIG_IGN);
}

// A broker wants as many connections as the machine lets it have; as a library it leaves the limit alone.
void raise_descriptor_limit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// What a large frame took goes back to the system when it is done with. Otherwise the allocator would come to keep
// holes of such sizes, and the process would take far more memory than it accounts for (tests/faults/memory_cap.py).
void give_back_large_blocks() {
#ifdef M_MMAP_THRESHOLD
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
}

int print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return std::fflush(stdout) == 0 ? kExitOk : kExitFailed;
}

int run(const CommandLine& line, const Configuration& configuration) {
  block_signals();
  // A client's bytes that are no UTF-8 are answered with a goodbye and one line of ours; protobuf need not add its own.
  google::protobuf::SetLogHandler(nullptr);
  raise_descriptor_limit();
  give_back_large_blocks();
  Running running(line.given, configuration);
  return running.start() ? running.serve() : kExitFailed;
}

int begin(const CommandLine& line) {
  if (line.wish == CommandLine::Wish::kPrintReference && line.problems.empty()) return print(reference());
  std::vector<std::string> problems = line.problems;
  const std::optional<Configuration> configuration = load(line.given, problems);
  for (const std::string& problem : problems) std::fprintf(stderr, "onehopd: %s\n", problem.c_str());
  if (!configuration) return kExitUsage;
  if (line.wish == CommandLine::Wish::kCheckConfig) {
    return print((line.given.config_file.empty() ? "configuration" : line.given.config_file) + ": ok\n");
  }
  if (line.wish == CommandLine::Wish::kPrintConfig) return print(as_toml(*configuration));
  return run(line, *configuration);
}

}  // namespace
}  // namespace onehop::daemon

int main(int argc, char** argv) {
  int exit_code = 0;
  const auto line = onehop::daemon::read_command_line(argc, argv, exit_code);
  return line ? onehop::daemon::begin(*line) : exit_code;
}
