// One run from its first connection to its result: starts the workers, gives them their orders, tells whoever looks on
// how it goes, and adds up what they have measured.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/measure/result.h"
#include "loadgen/run/early_end.h"
#include "loadgen/run/plan.h"
#include "loadgen/run/timed_commands.h"
#include "loadgen/run/worker.h"
#include "reactor/loop.h"
#include "reactor/mailbox.h"
#include "reactor/timer.h"

namespace onehop::loadgen {

// Told on the thread that runs.
class RunWatcher {
 public:
  virtual void on_connecting(uint32_t clients) = 0;
  // The schedule begins; in `wait_s` seconds, if the start is agreed with others.
  virtual void on_started(double wait_s) = 0;
  // A second of the run, of all threads together. `left_s`: until the schedule is through; below 0: nobody knows.
  virtual void on_second(const Second& second, double left_s) = 0;
  virtual void on_draining(uint64_t in_flight) = 0;
  // The same second, just before, with all that is known by its end.
  virtual void on_live(const Live& live) { static_cast<void>(live); }

 protected:
  ~RunWatcher() = default;
};

class Run {
 public:
  // `settings` and `driver` must outlive it.
  Run(const Settings& settings, Driver& driver, const reactor::SocketAddress& address, RunWatcher& watcher);
  ~Run();

  // Returns what was found, or nothing, with the reason in `error`, if it could not connect.
  std::optional<RunResult> run(std::string& error);
  // The result is of what there was until then. From a callback of the watcher or of the loop's.
  void interrupt();
  bool was_interrupted() const { return interrupted_; }
  // On which the run is run; for signals.
  reactor::Loop& loop() { return loop_; }

 private:
  void on_report(const Report& report);
  void on_all_connected();
  void add_second(const Report& report);
  void count_in_flight();
  void tell_seconds();
  void tell_live(size_t second);
  void end_early(const std::string& why);
  void add_scenario(RunResult& result) const;
  void begin_watching_system();
  void end_watching_system();
  void check_drained();
  void leave();
  RunResult result() const;
  void describe(RunResult& result) const;
  void add_connections(RunResult& result) const;
  void add_generator(RunResult& result) const;
  void add_latencies(RunResult& result) const;
  void add_account(RunResult& result) const;

  const Settings& settings_;
  reactor::Loop loop_;
  reactor::Mailbox<Report> reports_;
  const Plan plan_;
  RunWatcher& watcher_;
  std::vector<std::unique_ptr<Worker>> workers_;
  reactor::Timer timer_;  // For the end of the drain.

  size_t connected_ = 0, arrivals_done_ = 0, left_ = 0;
  bool leaving_ = false, interrupted_ = false, told_draining_ = false;
  std::string error_;
  double started_unix_s_ = 0;
  uint64_t start_ns_ = 0;
  uint64_t drain_until_ns_ = 0;
  uint64_t settled_ = 0, settled_ns_ = 0;  // How many messages are settled, and since when no other one was.
  std::optional<SystemUse> system_;        // Until the run has ended, cpu_s is that of its beginning.
  std::vector<Second> series_;
  std::vector<size_t> reported_;  // How many workers have told each second of series_.
  // Of the seconds of series_ that are not told yet; and of those that are, all together.
  std::map<size_t, std::vector<StageFigures>> untold_stages_;
  std::vector<StageFigures> stages_;
  std::vector<LiveCounts> counts_;     // By worker, as last told.
  uint64_t sent_ = 0, delivered_ = 0;  // In the seconds that are told, as the next two.
  double latency_sum_ns_ = 0;
  uint64_t latency_count_ = 0;
  EarlyEnd early_end_;
  std::string ended_early_;
  TimedCommands commands_;
  size_t told_seconds_ = 0;     // How many the watcher knows.
  int64_t in_flight_told_ = 0;  // At the end of the last of these.
};

}  // namespace onehop::loadgen
