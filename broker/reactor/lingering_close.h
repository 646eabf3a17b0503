// The end of a connection that has a last word to say. A plain close() with unread bytes in the receive buffer makes
// the kernel reset the connection, and the reset may overtake, and destroy, what was written just before. So the
// writing side is shut down first. Then input is read and discarded until the peer ends its stream too, for a few
// seconds at most. Then the connection is closed.
//
// A transport may hold words that the kernel does not have yet. They are written before the shutdown, and the time
// limit includes this. The peer may end its own stream earlier.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string_view>

#include "reactor/fd.h"
#include "reactor/loop.h"
#include "reactor/timer.h"
#include "reactor/watch.h"

namespace onehop::reactor {

// What is still to be written on a connection that ends.
class LastWords {
 public:
  virtual ~LastWords() = default;
  // What comes next, good until the next call; empty: all has been written.
  virtual std::string_view unwritten() const = 0;
  // The kernel has taken this many bytes from the front.
  virtual void on_written(size_t size) = 0;
};

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

  // Takes a connection as Socket::release() gives it. `words` are still to be written; null: the kernel has everything.
  // They are destroyed when they are written, or when the connection is closed.
  void take(Fd fd, std::unique_ptr<LastWords> words = nullptr);

  size_t size() const { return lingering_.size(); }

 private:
  struct Lingering {
    Fd fd;                             // Before the watch, which must be gone first.
    std::unique_ptr<LastWords> words;  // Until they are written; then our side is shut down.
    uint64_t deadline_ms = 0;
    bool peer_ended = false;
    int watched = 0;  // UV_READABLE, UV_WRITABLE
    Watch watch;
  };
  using Lingerings = std::list<Lingering>;

  // Whether it goes on to linger.
  static bool goes_on(Lingering& lingering);
  void watch(Lingerings::iterator lingering);
  void sweep();

  Loop& loop_;
  const uint64_t linger_ms_max_;
  const size_t connections_max_;
  Lingerings lingering_;  // In the order of their deadlines.
  Timer timer_;
};

}  // namespace onehop::reactor
