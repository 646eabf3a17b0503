// What a command of --at did to the run: counted in slots of 100 ms, from shortly before the first command on.
//
//   lost       messages that never arrived and were due from the command's start on, or up to --on-time before it
//   (those
//              may have been under way)
//   doubled    deliveries, from the command's start on, of what had been delivered before
//   recovery   from the command's start to when delivery kept up with the plan again, and did so until the run's end,
//   or
//              until the next command: the time by which the last of the late messages had arrived, and the last slot
//              was over in which a message was due that never arrived. A message is late if it takes longer than
//              --on-time. 0: none was late and none was lost; nothing: it did not keep up by the end.
//
// Invariant: a slot boundary is at the planned time of the first command, so that its counts are exact; those of later
// commands begin with the slot they fall into.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace onehop::loadgen {

// A command and what became of it and of the messages, in a result.
struct CommandResult {
  double at_s = 0;  // As planned, since the run's start.
  std::string command;
  std::optional<double> started_s, ended_s;  // Nothing: it was never started; it did not end within the run.
  std::optional<int> exit_status;            // What it ended with by itself.
  std::optional<int> signal;                 // Or what ended it.
  bool ended_with_run = false;               // It still ran at the run's end, and was ended then.
  std::string problem;                       // Why it could not be started; empty: it was, or the run ended before.

  // Not counted if it was never started.
  uint64_t lost = 0;
  uint64_t doubled = 0;
  std::optional<double> recovery_s;

  // Whether it did what it was there for: a run whose command failed proves nothing.
  bool is_good() const { return started_s && (ended_with_run || exit_status == 0); }
};

class Aftermath {
 public:
  static constexpr uint64_t kSlotNs = 100'000'000;

  // From here on it counts; off before. `first_ns`: the planned time of the first command, on the clock that messages
  // are timed by.
  void begin(uint64_t first_ns, uint64_t on_time_ns);
  bool is_on() const { return on_time_ns_ != 0; }

  void note_due(uint64_t intended_ns);
  void note_arrival(uint64_t intended_ns, uint64_t arrived_ns);
  void note_double(uint64_t arrived_ns);

  void add(const Aftermath& other);
  // Fills in what is counted for a command that was planned for `at_ns`. `until_ns`: when the next one was, or the
  // schedule ended.
  void judge(uint64_t at_ns, uint64_t until_ns, CommandResult& result) const;

 private:
  struct Slot {
    uint64_t last_arrival_ns = 0;  // Of what was due in it and late.
    uint32_t due = 0;
    uint32_t delivered = 0;  // Of these.
    uint32_t doubled = 0;    // Of what arrived in it.
  };
  Slot* slot_of(uint64_t at_ns);

  uint64_t on_time_ns_ = 0;
  uint64_t origin_ns_ = 0;  // Where slot 0 begins.
  std::vector<Slot> slots_;
};

}  // namespace onehop::loadgen
