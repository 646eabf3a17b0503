// The effects of each command of --at on the run, counted in slots of 100 ms. Counting begins shortly before the first
// command.
//
//   lost       messages that never arrived. They were due after the start of the command, or up to --on-time before it,
//              because such messages may have been under way.
//   doubled    deliveries after the start of the command of messages that had been delivered before
//   recovery   the time from the start of the command until delivery keeps up with the plan again, and goes on doing so
//              until the next command or the end of the run. By then the last late message has arrived, and the last
//              slot with a lost message is over. A message is late if it takes longer than --on-time. The recovery is 0
//              if no message was late or lost, and it is absent if delivery did not keep up by the end.
//
// Invariant: a slot begins at the planned time of the first command, so the counts of that command are exact. The
// counts of a later command begin with the slot that its time falls into.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace onehop::loadgen {

// A command in a result: how it ended, and what became of the messages.
struct CommandResult {
  double at_s = 0;  // The planned time, since the start of the run.
  std::string command;
  std::optional<double> started_s, ended_s;  // Absent if it never started, or did not end within the run.
  std::optional<int> exit_status;            // Present if the command ended by itself.
  std::optional<int> signal;                 // Present if a signal ended the command.
  bool ended_with_run = false;               // It still ran at the end of the run, which then ended it.
  std::string problem;  // Why it could not be started; empty if it started or the run ended before its time.

  // These are counted only if the command was started.
  uint64_t lost = 0;
  uint64_t doubled = 0;
  std::optional<double> recovery_s;

  // Whether the command did its work. A run whose command failed proves nothing.
  bool is_good() const { return started_s && (ended_with_run || exit_status == 0); }
};

class Aftermath {
 public:
  static constexpr uint64_t kSlotNs = 100'000'000;

  // Switches the counting on; it is off at first. `first_ns` is the planned time of the first command, on the clock
  // that times messages.
  void begin(uint64_t first_ns, uint64_t on_time_ns);
  bool is_on() const { return on_time_ns_ != 0; }

  void note_due(uint64_t intended_ns);
  void note_arrival(uint64_t intended_ns, uint64_t arrived_ns);
  void note_double(uint64_t arrived_ns);

  void add(const Aftermath& other);
  // Fills in the counts of a command that was planned for `at_ns`. `until_ns` is the planned time of the next command,
  // or the end of the schedule.
  void judge(uint64_t at_ns, uint64_t until_ns, CommandResult& result) const;

 private:
  struct Slot {
    uint64_t last_arrival_ns = 0;  // The last arrival of a late message that was due in the slot.
    uint32_t due = 0;
    uint32_t delivered = 0;  // Those of the due messages that arrived.
    uint32_t doubled = 0;    // Deliveries within the slot of messages that had been delivered before.
  };
  Slot* slot_of(uint64_t at_ns);

  uint64_t on_time_ns_ = 0;
  uint64_t origin_ns_ = 0;  // The time at which slot 0 begins.
  std::vector<Slot> slots_;
};

}  // namespace onehop::loadgen
