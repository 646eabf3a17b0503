// One run from its first connection to its result. It starts the workers, gives them orders, tells its watcher how the
// run goes, and adds up what the workers have found.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/measure/result.h"
#include "loadgen/run/drain.h"
#include "loadgen/run/early_end.h"
#include "loadgen/run/plan.h"
#include "loadgen/run/seconds_so_far.h"
#include "loadgen/run/timed_commands.h"
#include "loadgen/run/worker.h"
#include "reactor/loop.h"
#include "reactor/mailbox.h"
#include "reactor/timer.h"

namespace onehop::loadgen {

// All methods are called on the thread that runs.
class RunWatcher {
 public:
  virtual void on_connecting(uint32_t clients) = 0;
  // The schedule begins in `wait_s` seconds, which is long only if the start is agreed with others.
  virtual void on_started(double wait_s) = 0;
  // A second of the run, from all threads together. `left_s` is the time until the end of the schedule, and negative if
  // nobody knows it.
  virtual void on_second(const Second& second, double left_s) = 0;
  virtual void on_draining(uint64_t in_flight) = 0;
  // Comes just before on_second, with everything that is known at the end of that second.
  virtual void on_live(const Live& live) { static_cast<void>(live); }

 protected:
  ~RunWatcher() = default;
};

class Run {
 public:
  // `settings` and `driver` must outlive the run.
  Run(const Settings& settings, Driver& driver, const reactor::SocketAddress& address, RunWatcher& watcher);
  ~Run();

  // Returns the result. Returns nothing, with the reason in `error`, if it could not connect.
  std::optional<RunResult> run(std::string& error);
  // Ends the run now; the result covers the time until now. Callbacks of the watcher and of the loop may call it.
  void interrupt();
  bool was_interrupted() const { return interrupted_; }
  // The loop that runs the run, for signals.
  reactor::Loop& loop() { return loop_; }

 private:
  void on_report(const Report& report);
  void on_all_connected();
  void tell_seconds();
  void judge(const Live& live);
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
  reactor::Timer timer_;  // Looks whether the drain is over.

  size_t connected_ = 0, arrivals_done_ = 0, left_ = 0;  // How many workers have reported this.
  bool leaving_ = false, interrupted_ = false;
  std::string error_;
  double started_unix_s_ = 0;
  uint64_t start_ns_ = 0;
  SecondsSoFar seconds_;
  EarlyEnd early_end_;
  std::string ended_early_;  // Why; empty if it was not.
  TimedCommands commands_;
  Drain drain_;
  // While the run goes on, cpu_s is what the process had used when it began.
  std::optional<SystemUse> system_;
};

}  // namespace onehop::loadgen
