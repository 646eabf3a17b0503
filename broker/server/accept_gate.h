// The listeners of one loop. Accepting pauses while the process has as many connections as ConnectionLimit allows. The
// loop's thread only, or before it runs.
//
// Invariant: a connection that was passed to OnAccept counts in the ConnectionLimit. Its receiver gives the place back.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "reactor/address.h"
#include "reactor/fd.h"
#include "reactor/listener.h"
#include "reactor/loop.h"
#include "reactor/timer.h"
#include "server/connection_limit.h"

namespace onehop::server {

// How the connections of a listener begin: with a PROXY header, with a TLS handshake, with the one and then the other,
// or with the stream at once.
struct ListenerKind {
  bool proxy = false;
  bool tls = false;
};

class AcceptGate {
 public:
  using OnAccept = std::function<void(reactor::Fd, const reactor::SocketAddress& peer, ListenerKind)>;
  // True: accepting has paused; false: it goes on.
  using OnPause = std::function<void(bool paused)>;

  // `limit` outlives this.
  AcceptGate(reactor::Loop& loop, ConnectionLimit& limit, OnAccept on_accept, OnPause on_pause);
  AcceptGate(const AcceptGate&) = delete;
  AcceptGate& operator=(const AcceptGate&) = delete;

  // As Listener::open.
  bool listen(const reactor::SocketAddress& address, ListenerKind kind, const reactor::ListenOptions& options,
              reactor::SocketAddress& bound, std::string& error);
  // Nothing is accepted any more.
  void stop();

 private:
  // Accepted, and beyond the limit.
  struct Beyond {
    reactor::Fd fd;
    reactor::SocketAddress peer;
    ListenerKind kind;
  };

  void accept(reactor::Fd fd, const reactor::SocketAddress& peer, ListenerKind kind);
  void pause();
  void resume();

  reactor::Loop& loop_;
  ConnectionLimit& limit_;
  const OnAccept on_accept_;
  const OnPause on_pause_;
  std::vector<std::unique_ptr<reactor::Listener>> listeners_;
  reactor::Timer retry_;
  Beyond beyond_;  // At most one, because accepting is paused then.
  bool paused_ = false;
};

}  // namespace onehop::server
