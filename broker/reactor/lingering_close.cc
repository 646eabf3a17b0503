// Reading to the end what nobody wants, within bounds of time, of number, and of work per turn.
#include "reactor/lingering_close.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace onehop::reactor {
namespace {

// How exactly the deadline is kept: no more than one sweep in this time, whatever the number of connections.
constexpr uint64_t kSweepMs = 250;
// A peer that sends without pause must not hold the loop: level-triggered polling comes back to it.
constexpr int kReceivesPerTurn = 4;
constexpr size_t kDiscardBytes = 16 * 1024;

// Discards what is there, and says whether nothing more will come: the peer has ended its stream, or it is broken.
bool discard_to_end(int fd) {
  char ignored[kDiscardBytes];
  for (int i = 0; i < kReceivesPerTurn; ++i) {
    const ssize_t size = ::recv(fd, ignored, sizeof ignored, 0);
    if (size > 0) continue;
    return size == 0 || (errno != EAGAIN && errno != EINTR);
  }
  return false;
}

}  // namespace

LingeringClose::LingeringClose(Loop& loop, uint64_t linger_ms_max, size_t connections_max)
    : loop_(loop),
      linger_ms_max_(linger_ms_max),
      connections_max_(connections_max),
      timer_(loop, [this] { sweep(); }) {}

void LingeringClose::take(Fd fd) {
  if (::shutdown(fd.get(), SHUT_WR) != 0) return;  // The connection is gone already: closing it destroys nothing.
  // A peer that has said goodbye and left is not worth watching: that costs several system calls.
  if (discard_to_end(fd.get())) return;
  if (ending_.size() >= connections_max_) ending_.pop_front();
  ending_.push_back({std::move(fd), loop_.now_ms() + linger_ms_max_, {}});
  const auto ending = std::prev(ending_.end());
  if (ending->watch.start(loop_, ending->fd.get(), UV_READABLE, [this, ending] { discard(ending); }) != 0) {
    ending_.erase(ending);
    return;
  }
  if (!timer_.armed()) timer_.arm_at(ending_.front().deadline_ms);
}

void LingeringClose::discard(Endings::iterator ending) {
  if (discard_to_end(ending->fd.get())) ending_.erase(ending);
}

void LingeringClose::sweep() {
  while (!ending_.empty() && ending_.front().deadline_ms <= loop_.now_ms()) ending_.pop_front();
  if (ending_.empty()) return;
  timer_.arm_at(std::max(ending_.front().deadline_ms, loop_.now_ms() + kSweepMs));
}

}  // namespace onehop::reactor
