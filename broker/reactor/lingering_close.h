// The end of a connection that has a last word to say. A plain close() with unread bytes in the receive buffer makes
// the kernel reset the connection, and the reset may overtake, and destroy, what was written just before. So: shutdown
// of the writing side, read and discard until the peer ends its stream too, at most a few seconds, then close.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>

#include "reactor/fd.h"
#include "reactor/loop.h"
#include "reactor/timer.h"
#include "reactor/watch.h"

namespace onehop::reactor {

// All methods: the loop's thread only. One for each loop; all its connections share one coarse timer.
class LingeringClose {
 public:
  static constexpr uint64_t kLingerMsMax = 5'000;
  // A bound on descriptors and memory when very many connections end at once. Beyond it the longest-lingering closes
  // now.
  static constexpr size_t kConnectionsMax = 1'024;

  explicit LingeringClose(Loop& loop, uint64_t linger_ms_max = kLingerMsMax, size_t connections_max = kConnectionsMax);
  // Closes at once what still lingers.
  ~LingeringClose() = default;

  // Takes a connection whose last word is in the kernel's hands, as Socket::release() gives it.
  void take(Fd fd);

  size_t size() const { return ending_.size(); }

 private:
  struct Ending {
    Fd fd;  // Before the watch, which must be gone first.
    uint64_t deadline_ms = 0;
    Watch watch;
  };
  using Endings = std::list<Ending>;

  void discard(Endings::iterator ending);
  void sweep();

  Loop& loop_;
  const uint64_t linger_ms_max_;
  const size_t connections_max_;
  Endings ending_;  // In the order of their deadlines.
  Timer timer_;
};

}  // namespace onehop::reactor
