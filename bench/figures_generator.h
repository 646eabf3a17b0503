// The one generator of the comparison: a closed loop over epoll. Each sender keeps a window of messages under way to
// its partner; what arrives is checked and at once replaced by as many new ones, in one write. All systems get the same
// batches, and both ends of every pair are here, so that one clock times each message.
#pragma once

#include <cstddef>

#include "figures_system.h"

namespace onehop::bench {

struct Work {
  size_t pairs;
  size_t window;        // Messages of one sender under way.
  size_t bytes;         // Of the payload; at least 8.
  bool ids = false;     // Messages carry ids, so that the sender hears of refusals.
  bool nobody = false;  // To names that nobody has: what comes back are receipts.
  // Each wants an acknowledgement, and is under way until its sender has read the outcome. Receivers acknowledge what
  // one read brought at once.
  bool confirmed = false;
  bool spinning = false;  // The generator does not sleep: for latency, where its own waking would be measured too.
};

struct Timing {
  double warm_up_seconds;
  double seconds;
};

struct Figures {
  double cpu_us;  // Of the system, for one message.
  double messages_per_second;
  double p50_us, p99_us;   // From the write to the arrival, or of confirmed messages to the outcome.
  double generator_share;  // How much of its core the generator used.
};

// Starts the system, runs the work and stops it. Every message is checked for order and content; one that is lost,
// repeated or changed ends the program.
Figures run_work(const System& system, const Work& work, const Timing& timing);

}  // namespace onehop::bench
