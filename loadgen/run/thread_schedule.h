// One thread's share of the schedule: when its arrivals are due, how many of --count are left to it, and when it ends.
// Times are those of now_ns().
//
//   created ──begin──► running ──end──► over
#pragma once

#include <cstdint>

#include "loadgen/measure/arrivals.h"
#include "loadgen/run/plan.h"

namespace onehop::loadgen {

class ThreadSchedule {
 public:
  ThreadSchedule(const Plan& plan, uint32_t thread);

  void begin(uint64_t start_ns);
  // Nothing more is due from now on.
  void stop_at(uint64_t now_ns);
  // Ends the schedule once the thread has issued its part of --count.
  void stop_if_count_is_reached(uint64_t now_ns);
  // Closes the schedule: nothing more is issued, and what was due until its end and not issued is missed.
  void end() { is_running_ = false; }

  bool has_begun() const { return start_ns_ != 0; }
  bool is_running() const { return is_running_; }
  bool has_started(uint64_t now_ns) const { return is_running_ && now_ns >= start_ns_; }
  // Whether more may be issued. The window of a closed loop is filled as soon as the start is ordered.
  bool is_open(uint64_t now_ns) const { return is_running_ && now_ns < end_ns_; }

  uint64_t start_ns() const { return start_ns_; }
  uint64_t end_ns() const { return end_ns_; }
  // When the next arrival is due.
  uint64_t due_ns() const { return start_ns_ + arrivals_.due_ns(); }
  void advance() { arrivals_.advance(); }
  uint64_t count_missed() const { return arrivals_.count_until(end_ns_ - start_ns_); }

  bool has_left() const { return left_ != 0; }
  void take_one() { --left_; }

 private:
  const Settings& settings_;
  Arrivals arrivals_;
  uint64_t left_;  // How many this thread may still issue; without --count as good as endless.
  uint64_t start_ns_ = 0, end_ns_ = 0;
  bool is_running_ = false;
};

}  // namespace onehop::loadgen
