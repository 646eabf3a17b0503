// The commands of --at: each is started at its time by /bin/sh, in a process group of its own, and whatever is left of
// the group at the run's end is ended with it. Started without a copy of this process (posix_spawn), so that the
// threads that send do not notice. What a command prints goes to standard error, since standard output is the result's.
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
  // Ends what still runs.
  ~TimedCommands();

  // The schedule begins at `start_ns`. On the loop's thread, as all methods.
  void begin(uint64_t start_ns);
  // Starts no more of them.
  void stop_starting() { started_all_ = true; }
  // The run is over. Asks what still runs to end, and kills what has not ended a second later.
  void end();
  // What became of each, without what is counted of the messages.
  std::vector<CommandResult> results() const;

 private:
  struct Process {
    pid_t pid = -1;          // And the process group.
    bool has_ended = false;  // The leader. It is not waited for before end(), so that nobody else has its number.
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
