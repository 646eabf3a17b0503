// Reading to the end what nobody wants, within bounds of time, of number, and of work per turn.
#include "reactor/lingering_close.h"

#include <sys/socket.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "reactor/socket.h"

namespace onehop::reactor {
namespace {

// How exactly the deadline is kept: no more than one sweep in this time, whatever the number of connections.
constexpr uint64_t kSweepMs = 250;
// A peer that sends without pause must not hold the loop: level-triggered polling comes back to it.
constexpr int kReceivesPerTurn = 4;
constexpr size_t kDiscardBytes = 16 * 1024;

enum class Rest : uint8_t { kMore, kEnded, kBroken };

// Discards what is there, and says whether more may come.
Rest discard(int fd) {
  char ignored[kDiscardBytes];
  for (int i = 0; i < kReceivesPerTurn; ++i) {
    const IoResult received = receive(fd, ignored);
    if (received.transferred()) continue;
    if (received.would_block()) return Rest::kMore;
    return received.status == IoResult::Status::kEndOfStream ? Rest::kEnded : Rest::kBroken;
  }
  return Rest::kMore;
}

// False: the connection is broken.
bool write(int fd, LastWords& words) {
  for (std::string_view next; !(next = words.unwritten()).empty();) {
    const IoResult sent = send(fd, next);
    if (sent.would_block()) return true;
    if (!sent.transferred()) return false;
    words.on_written(sent.bytes);
  }
  return true;
}

}  // namespace

LingeringClose::LingeringClose(Loop& loop, uint64_t linger_ms_max, size_t connections_max)
    : loop_(loop),
      linger_ms_max_(linger_ms_max),
      connections_max_(connections_max),
      timer_(loop, [this] { sweep(); }) {}

void LingeringClose::take(Fd fd, std::unique_ptr<LastWords> words) {
  // With nothing to write a connection that is gone already is not worth a place: closing it destroys nothing.
  if (words == nullptr && ::shutdown(fd.get(), SHUT_WR) != 0) return;
  Ending ending{std::move(fd), std::move(words), loop_.now_ms() + linger_ms_max_, false, 0, {}};
  // Nor is a peer that has said goodbye and left: to watch it costs several system calls.
  if (!goes_on(ending)) return;
  if (ending_.size() >= connections_max_) ending_.pop_front();
  ending_.push_back(std::move(ending));
  watch(std::prev(ending_.end()));
  if (!ending_.empty() && !timer_.armed()) timer_.arm_at(ending_.front().deadline_ms);
}

bool LingeringClose::goes_on(Ending& ending) {
  if (ending.words != nullptr) {
    if (!write(ending.fd.get(), *ending.words)) return false;
    if (ending.words->unwritten().empty()) {
      ending.words.reset();
      if (::shutdown(ending.fd.get(), SHUT_WR) != 0) return false;
    }
  }
  if (!ending.peer_ended) {
    const Rest rest = discard(ending.fd.get());
    if (rest == Rest::kBroken) return false;
    ending.peer_ended = rest == Rest::kEnded;
  }
  return ending.words != nullptr || !ending.peer_ended;
}

void LingeringClose::watch(Endings::iterator ending) {
  const int wanted = (ending->peer_ended ? 0 : UV_READABLE) | (ending->words == nullptr ? 0 : UV_WRITABLE);
  if (ending->watched == wanted) return;
  ending->watch.stop();
  ending->watched = wanted;
  const auto on_ready = [this, ending] {
    if (goes_on(*ending)) return watch(ending);
    ending_.erase(ending);
  };
  if (ending->watch.start(loop_, ending->fd.get(), wanted, on_ready) != 0) ending_.erase(ending);
}

void LingeringClose::sweep() {
  while (!ending_.empty() && ending_.front().deadline_ms <= loop_.now_ms()) ending_.pop_front();
  if (ending_.empty()) return;
  timer_.arm_at(std::max(ending_.front().deadline_ms, loop_.now_ms() + kSweepMs));
}

}  // namespace onehop::reactor
