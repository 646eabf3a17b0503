// The commands of --at. /bin/sh starts each at its time, in a process group of its own, and the end of the run ends
// whatever is left of the group. posix_spawn starts it without a copy of this process, so that the threads that send do
// not notice. The output of a command goes to standard error, since standard output has the result.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "loadgen/measure/aftermath.h"
#include "loadgen/run/scenario.h"
#include "reactor/timer.h"

namespace onehop::loadgen {

class TimedCommands {
 public:
  TimedCommands(reactor::Loop& loop, const std::vector<TimedCommand>& commands);
  // Ends the commands that still run.
  ~TimedCommands();

  // The schedule begins at `start_ns`. All methods belong to the loop's thread.
  void begin(uint64_t start_ns);
  // No more commands are started.
  void stop_starting() { started_all_ = true; }
  // The run is over. Asks the commands that still run to end, and kills those that have not ended a second later.
  void end();
  // The fate of each command, without the counts of messages.
  std::vector<CommandResult> results() const;

 private:
  struct Process {
    pid_t pid = -1;          // Also the number of the process group.
    bool has_ended = false;  // The leader has ended. It is reaped only in end(), so that its number stays taken.
    CommandResult result;
  };

  void look();
  void start(Process& process);
  bool note_end(Process& process);
  void await_ends(uint64_t until_ns);

  reactor::Timer timer_;
  reactor::Loop& loop_;
  std::vector<Process> processes_;
  uint64_t start_ns_ = 0;
  bool started_all_ = false;
};

}  // namespace onehop::loadgen
