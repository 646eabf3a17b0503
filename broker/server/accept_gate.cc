// AcceptGate: see the header.
#include "server/accept_gate.h"

#include <utility>

namespace onehop::server {
namespace {

constexpr uint64_t kAcceptRetryMs = 100;

}  // namespace

AcceptGate::AcceptGate(reactor::Loop& loop, ConnectionLimit& limit, OnAccept on_accept, OnPause on_pause)
    : loop_(loop),
      limit_(limit),
      on_accept_(std::move(on_accept)),
      on_pause_(std::move(on_pause)),
      retry_(loop, [this] { resume(); }) {}

bool AcceptGate::listen(const reactor::SocketAddress& address, ListenerKind kind, const reactor::ListenOptions& options,
                        reactor::SocketAddress& bound, std::string& error) {
  auto listener = reactor::Listener::open(
      loop_, address, options,
      [this, kind](reactor::Fd fd, const reactor::SocketAddress& peer) { accept(std::move(fd), peer, kind); }, error);
  if (listener == nullptr) return false;
  bound = listener->local_address();
  listeners_.push_back(std::move(listener));
  return true;
}

void AcceptGate::stop() {
  listeners_.clear();
  retry_.disarm();
  beyond_.fd.reset();
}

void AcceptGate::accept(reactor::Fd fd, const reactor::SocketAddress& peer, ListenerKind kind) {
  if (!limit_.take()) {
    // Another shard took the last place just now, and there is no going back to the backlog.
    beyond_ = {std::move(fd), peer, kind};
    return pause();
  }
  on_accept_(std::move(fd), peer, kind);
  if (!limit_.has_room()) pause();
}

void AcceptGate::pause() {
  if (std::exchange(paused_, true)) return;
  for (const auto& listener : listeners_) listener->pause();
  retry_.arm_at(loop_.now_ms() + kAcceptRetryMs);
  on_pause_(true);
}

void AcceptGate::resume() {
  if (beyond_.fd && limit_.take()) on_accept_(std::move(beyond_.fd), beyond_.peer, beyond_.kind);
  if (beyond_.fd || !limit_.has_room()) return retry_.arm_at(loop_.now_ms() + kAcceptRetryMs);
  paused_ = false;
  for (const auto& listener : listeners_) listener->resume();
  on_pause_(false);
}

}  // namespace onehop::server
