// Connections that wait for their PROXY header. The loop's thread only.
//
// A peer whose headers are not trusted is refused at once. If it could wait, it would hold a place, although no
// limit of its address is checked before the header.
#pragma once

#include <string>
#include <string_view>

#include "core/base/instant.h"
#include "reactor/address.h"
#include "reactor/fd.h"
#include "reactor/loop.h"
#include "reactor/watch.h"
#include "server/arrival_rules.h"
#include "server/waiting_room.h"
#include "transport/proxy_header.h"

namespace onehop::server {

// A connection whose header is to come, or has come.
struct Proxied {
  reactor::Fd fd;
  core::Instant deadline;
  bool tls = false;  // Behind the header comes a TLS handshake.
};

// Each connection is told of once.
class ProxyHeadersHost {
 public:
  // `rest` is what came behind the header; good for the call only.
  virtual void on_proxy_header(Proxied proxied, const transport::ProxyHeader& header, core::Bytes rest) = 0;
  // The connection is closed, without a word. `why` is empty if it has left without a word, as a balancer does that
  // only looks whether anybody is there.
  virtual void on_no_proxy_header(const reactor::SocketAddress& peer, std::string_view why) = 0;

 protected:
  ~ProxyHeadersHost() = default;
};

class ProxyHeaders {
 public:
  // `trust` and `host` outlive this.
  ProxyHeaders(reactor::Loop& loop, const ProxyTrust& trust, ProxyHeadersHost& host);
  ProxyHeaders(const ProxyHeaders&) = delete;
  ProxyHeaders& operator=(const ProxyHeaders&) = delete;

  void begin(Proxied proxied, const reactor::SocketAddress& peer);
  // Closes all that wait, and tells nobody; returns how many.
  size_t clear();

 private:
  struct Waiting {
    reactor::Fd fd;  // Before the watch, which must be gone first.
    core::Instant deadline;
    bool tls = false;
    reactor::SocketAddress peer;
    std::string bytes;
    reactor::Watch watch;
  };
  using Room = WaitingRoom<Waiting>;

  // Whether it still waits.
  bool receive(Room::Place place);
  // Closes it.
  void refuse(Room::Place place, std::string_view why);

  reactor::Loop& loop_;
  const ProxyTrust& trust_;
  ProxyHeadersHost& host_;
  Room room_;
};

}  // namespace onehop::server
