// onehopd: flags, signals, a log, and a Broker.
#include <google/protobuf/stubs/logging.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <thread>

#include "command_line.h"
#include "log.h"

namespace onehop::daemon {
namespace {

// Signals are taken by the main thread with sigwait, so that no handler runs anywhere.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// A broker wants as many connections as the machine lets it have; as a library it leaves the limit alone.
void raise_descriptor_limit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int wait_for(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  return signal;
}

void log_counters(Log& log, const BrokerCounters& c) {
  log.line(Log::Level::kInfo, "served",
           {{"sessions", std::to_string(c.sessions_opened)},
            {"sessions_resumed", std::to_string(c.sessions_resumed)},
            {"messages_delivered", std::to_string(c.messages_delivered)},
            {"messages_acknowledged", std::to_string(c.messages_acknowledged)},
            {"messages_refused", std::to_string(c.messages_refused)},
            {"messages_refused_by_recipient", std::to_string(c.messages_refused_by_recipient)},
            {"messages_expired", std::to_string(c.messages_expired)},
            {"messages_lost", std::to_string(c.messages_lost)},
            {"messages_redelivered", std::to_string(c.messages_redelivered)},
            {"messages_dropped", std::to_string(c.messages_dropped)},
            {"pauses_told", std::to_string(c.pauses_told)},
            {"gates_closed", std::to_string(c.gates_closed)},
            {"hand_overs", std::to_string(c.hand_overs)}});
}

int run(DaemonOptions options) {
  const sigset_t signals = block_signals();
  Log log(options);
  // A client's bytes that are no UTF-8 are answered with a goodbye and one line of ours; protobuf need not add its own.
  google::protobuf::SetLogHandler(nullptr);
  raise_descriptor_limit();
  options.broker.on_event = [&log](const BrokerEvent& event) { log.event(event); };
  std::string error;
  const std::unique_ptr<Broker> broker = Broker::start(options.broker, error);
  if (broker == nullptr) {
    std::fprintf(stderr, "onehopd: %s\n", error.c_str());
    return kExitFailed;
  }
  for (const std::string& address : broker->addresses()) std::printf("listening on %s\n", address.c_str());
  std::fflush(stdout);
  log.line(Log::Level::kInfo, "started",
           {{"version", ONEHOP_VERSION},
            {"shards", std::to_string(broker->shards())},
            {"address", broker->addresses().front()}});

  const int signal = wait_for(signals);
  log.line(Log::Level::kInfo, "stopping", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
  log_counters(log, broker->counters());
  // A second signal cuts the waiting short.
  std::thread impatience([&signals, &broker] {
    wait_for(signals);
    broker->stop_now();
  });
  const bool all_ended = broker->stop(std::chrono::milliseconds(options.stop_deadline_ms));
  // The thread waits for this signal; it ends nothing. NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread)
  pthread_kill(impatience.native_handle(), SIGTERM);
  impatience.join();
  log.line(Log::Level::kInfo, "stopped", {{"connections", all_ended ? "all ended" : "cut off at the deadline"}});
  return all_ended ? kExitOk : kExitFailed;
}

}  // namespace
}  // namespace onehop::daemon

int main(int argc, char** argv) {
  int exit_code = 0;
  const auto options = onehop::daemon::read_command_line(argc, argv, exit_code);
  if (!options) return exit_code;
  return onehop::daemon::run(*options);
}
