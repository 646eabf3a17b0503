// Shows how a run goes: on a terminal in one line that is replaced, elsewhere in a line for each second. It writes to
// standard error, so that standard output has only the result.
#pragma once

#include <memory>
#include <string>

#include "loadgen/run/metrics_server.h"
#include "loadgen/run/run.h"

namespace onehop::loadgen {

class Progress final : public RunWatcher {
 public:
  // With `quiet` it shows nothing.
  Progress(const Settings& settings, bool quiet);
  ~Progress();

  void on_connecting(uint32_t clients) override;
  void on_started(double wait_s) override;
  void on_second(const Second& second, double left_s) override;
  void on_draining(uint64_t in_flight) override;
  void on_live(const Live& live) override;
  // Begins to serve the live figures if they are wanted, and prints the address even if the rest is quiet. Returns
  // false, with the reason in `error`, if it cannot.
  bool serve_metrics(std::string& error);
  // Erases the line that is replaced, so that other text begins at the left.
  void end_line();
  // Shows a line that stays.
  void say(const std::string& line);

 private:
  void show(const std::string& line);

  const Settings& settings_;
  const bool quiet_;
  const bool on_terminal_;
  bool line_open_ = false;
  std::unique_ptr<MetricsServer> metrics_;
};

}  // namespace onehop::loadgen
