// The measurements of one thread: latencies of the whole run, and of the present second.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "loadgen/measure/aftermath.h"
#include "loadgen/measure/result.h"
#include "loadgen/measure/stages.h"

namespace onehop::loadgen {

class Recorder {
 public:
  // Messages that were due before this time are in the series but are not timed.
  void set_timed_from(uint64_t timed_from_ns) { timed_from_ns_ = timed_from_ns; }

  // A message is wanted. If it is to be timed and does not arrive, it is infinitely late. `is_counted` says whether its
  // arrival will be noted: in echo the answer stands for its question too. The outcome is always noted.
  void note_wanted(uint64_t intended_ns, bool to_slow_reader, bool is_counted) {
    if (intended_ns < timed_from_ns_) return;
    ++wanted_.all;
    if (is_counted) ++(to_slow_reader ? wanted_.slow : wanted_.others);
  }
  // The messages that were to be timed.
  struct Wanted {
    uint64_t all = 0;               // Including answers.
    uint64_t slow = 0, others = 0;  // Messages whose arrival is timed, by the kind of recipient.
  };
  const Wanted& wanted() const { return wanted_; }

  // `overdue_ns` says how much too late the thread read the message.
  void note_arrival(uint64_t intended_ns, uint64_t arrived_ns, uint64_t overdue_ns, bool to_slow_reader) {
    const uint64_t latency_ns = arrived_ns > intended_ns ? arrived_ns - intended_ns : 0;
    const bool timed = intended_ns >= timed_from_ns_;
    if (stages.is_on()) stages.note_arrival(intended_ns, arrived_ns, timed, to_slow_reader);
    if (aftermath.is_on()) aftermath.note_arrival(intended_ns, arrived_ns);
    if (timed) read_lag.record(overdue_ns);
    if (to_slow_reader) {
      if (timed) slow_latency.record(latency_ns);
    } else {
      (timed ? second_.latency : untimed_).record(latency_ns);
    }
  }
  void note_uncorrected(uint64_t intended_ns, uint64_t written_ns, uint64_t arrived_ns) {
    if (intended_ns >= timed_from_ns_) uncorrected.record(arrived_ns > written_ns ? arrived_ns - written_ns : 0);
  }
  void note_outcome(uint64_t intended_ns, uint64_t told_ns) {
    if (intended_ns >= timed_from_ns_) confirm_latency.record(told_ns > intended_ns ? told_ns - intended_ns : 0);
  }
  void note_lag(uint64_t intended_ns, uint64_t taken_up_ns) {
    const uint64_t lag_ns = taken_up_ns > intended_ns ? taken_up_ns - intended_ns : 0;
    if (intended_ns >= timed_from_ns_) lag.record(lag_ns);
    if (lag_ns > second_.lag_max) second_.lag_max = lag_ns;
    if (stages.is_on()) stages.note_due(intended_ns, lag_ns, intended_ns >= timed_from_ns_);
    if (aftermath.is_on()) aftermath.note_due(intended_ns);
  }
  // A message arrived that had been delivered before.
  void note_double(uint64_t arrived_ns) {
    ++doubles;
    if (aftermath.is_on()) aftermath.note_double(arrived_ns);
  }
  // The TLS handshake of a connection that was wanted at `intended_ns`.
  void note_handshake(uint64_t intended_ns, uint64_t begun_ns, uint64_t ended_ns) {
    if (intended_ns >= timed_from_ns_) handshake_latency.record(ended_ns - begun_ns);
  }
  void note_connected(uint64_t intended_ns, uint64_t ready_ns) {
    if (intended_ns >= timed_from_ns_) connect_latency.record(ready_ns > intended_ns ? ready_ns - intended_ns : 0);
    ++second_.opened;
    ++connections.opened;
  }
  // A connection was wanted, and was not open when the run ended: percentiles without it would be those of the lucky
  // ones.
  void note_unopened() {
    ++connections.unopened;
    connect_latency.record_never(1);
  }
  void note_reason(std::string_view outcome, std::string_view reason, uint64_t times) {
    std::string key(outcome);
    if (!reason.empty()) key.append(" ").append(reason);
    reasons[key] += times;
  }

  // Returns the second that ends now. Its counts follow from the running totals. It has no in_flight, because the two
  // ends of a message may be on different threads.
  Second take_second(uint64_t wanted, uint64_t delivered, uint64_t told_otherwise);

  // `latency` holds the messages that arrived until the last second ended.
  Histogram latency, uncorrected, confirm_latency, slow_latency, connect_latency, handshake_latency, lag, read_lag;
  std::map<std::string, uint64_t> reasons;
  Connections connections;
  uint64_t doubles = 0;
  // These two are off unless somebody begins them.
  StageRecorder stages;
  Aftermath aftermath;

 private:
  uint64_t timed_from_ns_ = 0;
  Wanted wanted_;
  Second second_;      // The present second, with the latencies of timed messages only.
  Histogram untimed_;  // The latencies of the other messages of the present second.
  // The running totals at the end of the last second.
  uint64_t had_wanted_ = 0, had_delivered_ = 0, had_told_otherwise_ = 0;
};

}  // namespace onehop::loadgen
