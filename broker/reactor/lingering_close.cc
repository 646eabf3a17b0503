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
  Lingering lingering{std::move(fd), std::move(words), loop_.now_ms() + linger_ms_max_, false, 0, {}};
  // Nor is a peer that has said goodbye and left: to watch it costs several system calls.
  if (!goes_on(lingering)) return;
  if (lingering_.size() >= connections_max_) lingering_.pop_front();
  lingering_.push_back(std::move(lingering));
  watch(std::prev(lingering_.end()));
  if (!lingering_.empty() && !timer_.armed()) timer_.arm_at(lingering_.front().deadline_ms);
}

bool LingeringClose::goes_on(Lingering& lingering) {
  if (lingering.words != nullptr) {
    if (!write(lingering.fd.get(), *lingering.words)) return false;
    if (lingering.words->unwritten().empty()) {
      lingering.words.reset();
      if (::shutdown(lingering.fd.get(), SHUT_WR) != 0) return false;
    }
  }
  if (!lingering.peer_ended) {
    const Rest rest = discard(lingering.fd.get());
    if (rest == Rest::kBroken) return false;
    lingering.peer_ended = rest == Rest::kEnded;
  }
  return lingering.words != nullptr || !lingering.peer_ended;
}

void LingeringClose::watch(Lingerings::iterator lingering) {
  const int wanted = (lingering->peer_ended ? 0 : UV_READABLE) | (lingering->words == nullptr ? 0 : UV_WRITABLE);
  if (lingering->watched == wanted) return;
  lingering->watch.stop();
  lingering->watched = wanted;
  const auto on_ready = [this, lingering] {
    if (goes_on(*lingering)) return watch(lingering);
    lingering_.erase(lingering);
  };
  if (lingering->watch.start(loop_, lingering->fd.get(), wanted, on_ready) != 0) lingering_.erase(lingering);
}

void LingeringClose::sweep() {
  while (!lingering_.empty() && lingering_.front().deadline_ms <= loop_.now_ms()) lingering_.pop_front();
  if (lingering_.empty()) return;
  timer_.arm_at(std::max(lingering_.front().deadline_ms, loop_.now_ms() + kSweepMs));
}

}  // namespace onehop::reactor
