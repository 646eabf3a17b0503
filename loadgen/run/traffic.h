// The messages of one thread: which recipients its clients send to and how much, by the schedule or by the window of a
// closed loop; and what becomes of messages that arrive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "loadgen/measure/stamp.h"
#include "loadgen/run/client.h"
#include "loadgen/run/findings.h"
#include "loadgen/run/plan.h"
#include "loadgen/run/residents.h"
#include "loadgen/run/thread_schedule.h"

namespace onehop::loadgen {

class Traffic {
 public:
  // All of these must outlive it.
  Traffic(const Plan& plan, Findings& findings, Residents& residents, ThreadSchedule& schedule, Random& random);

  // --- Sending
  // One message of the schedule, from the sender whose turn it is.
  void send_next(uint64_t intended_ns, uint64_t now_ns);
  // Of a closed loop: has the sender send until its window is full.
  void fill_window(Client& sender, uint64_t now_ns);
  void fill_all_windows(uint64_t now_ns);
  bool has_windows() const { return !under_way_.empty(); }
  // A guest's message is wanted: it is sent by the guest itself.
  void count_wanted() { ++wanted_, ++counted_wanted_; }
  // The payload of a message that is written now; valid until the next call.
  Bytes payload_of(const Wanted& wanted, uint32_t sender, uint32_t number, uint64_t now_ns);

  // --- What clients tell
  void before_flush(Client& client);
  // `next_tick_ns`: when the thread should look at the clock next; what arrived later was read late.
  void on_message(Client& client, Bytes payload, const Incoming& incoming, uint64_t arrived_ns, uint64_t next_tick_ns);
  void on_settled(Client& client, uint64_t messages);
  // Its connection is gone: what was under way on it does not take room any more.
  void on_down(const Client& client);

  // --- Running totals
  uint64_t wanted() const { return wanted_; }
  // What the rate counts: in echo, questions that were asked and answers that came.
  uint64_t counted_wanted() const { return counted_wanted_; }
  uint64_t counted_delivered() const { return counted_delivered_; }

 private:
  void send_one(Client& sender, uint64_t intended_ns, uint64_t now_ns);
  void free_window(Client& sender, uint64_t messages);
  void answer(Client& client, const Stamp& stamp, size_t payload_bytes, const Incoming& incoming, uint64_t arrived_ns);
  void note_uncorrected(uint32_t sender, const Stamp& stamp, uint64_t arrived_ns);

  const Plan& plan_;
  Ledger& ledger_;
  Recorder& recorder_;
  Residents& residents_;
  ThreadSchedule& schedule_;
  Random& random_;
  Stamper stamper_;
  std::vector<char> payload_;
  const uint64_t waiting_bytes_max_;  // What may wait for one sender.
  uint64_t recipients_chosen_ = 0;
  std::vector<uint32_t> under_way_;  // Messages under way, by client. Empty in an open loop.
  uint64_t wanted_ = 0;
  uint64_t counted_wanted_ = 0, counted_delivered_ = 0;
};

}  // namespace onehop::loadgen
