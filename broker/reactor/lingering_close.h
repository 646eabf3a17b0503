// The end of a connection that has a last word to say. A plain close() with unread bytes in the receive buffer makes
// the kernel reset the connection, and the reset may overtake, and destroy, what was written just before. So: shutdown
// of the writing side, read and discard until the peer ends its stream too, at most a few seconds, then close.
//
// A connection may also come with words that the kernel does not have yet, as a transport holds them. They are written
// first, within the same time; the peer may have ended its own stream before that.
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
  // So much from its front is in the kernel's hands.
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

  // Takes a connection as Socket::release() gives it. Without `words` its last word is in the kernel's hands. They go
  // when they are written, or with the connection.
  void take(Fd fd, std::unique_ptr<LastWords> words = nullptr);

  size_t size() const { return ending_.size(); }

 private:
  struct Ending {
    Fd fd;                             // Before the watch, which must be gone first.
    std::unique_ptr<LastWords> words;  // Until they are written; then our side is shut down.
    uint64_t deadline_ms = 0;
    bool peer_ended = false;
    int watched = 0;  // UV_READABLE, UV_WRITABLE
    Watch watch;
  };
  using Endings = std::list<Ending>;

  // Whether it goes on to linger.
  static bool goes_on(Ending& ending);
  void watch(Endings::iterator ending);
  void sweep();

  Loop& loop_;
  const uint64_t linger_ms_max_;
  const size_t connections_max_;
  Endings ending_;  // In the order of their deadlines.
  Timer timer_;
};

}  // namespace onehop::reactor
