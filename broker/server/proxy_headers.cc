// ProxyHeaders: see the header.
#include "server/proxy_headers.h"

#include <utility>

#include "reactor/socket.h"

namespace onehop::server {

ProxyHeaders::ProxyHeaders(reactor::Loop& loop, const ProxyTrust& trust, ProxyHeadersHost& host)
    : loop_(loop), trust_(trust), host_(host), room_(loop, [this](Waiting& overdue) {
        host_.on_no_proxy_header(overdue.peer, "no complete PROXY header came in time");
      }) {}

void ProxyHeaders::begin(Proxied proxied, const reactor::SocketAddress& peer) {
  if (!trust_.trusts(peer)) {
    return host_.on_no_proxy_header(peer, "PROXY headers of this address are not believed: see proxy_from");
  }
  const Room::Place place = room_.enter({std::move(proxied.fd), proxied.deadline, proxied.tls, peer, {}, {}});
  if (!receive(place)) return;  // It is often there already, and then the loop need not hear of the descriptor.
  if (place->watch.start(loop_, place->fd.get(), UV_READABLE, [this, place] { receive(place); }) != 0) {
    refuse(place, {});
  }
}

size_t ProxyHeaders::clear() {
  const size_t count = room_.size();
  room_.clear();
  return count;
}

bool ProxyHeaders::receive(Room::Place place) {
  char space[transport::kProxyHeaderBytesMax];
  const reactor::IoResult received = reactor::receive(place->fd.get(), {space, sizeof space - place->bytes.size()});
  if (received.would_block()) return true;
  if (!received.transferred()) {
    refuse(place, place->bytes.empty() ? "" : "the connection ended within its PROXY header");
    return false;
  }
  place->bytes.append(space, received.bytes);
  transport::ProxyHeader header;
  core::Bytes wrong;
  switch (transport::read_proxy_header(place->bytes, header, wrong)) {
    case transport::ProxyRead::kNeedMore:
      return true;
    case transport::ProxyRead::kBroken:
      refuse(place, wrong);
      return false;
    case transport::ProxyRead::kHeader:
      break;
  }
  Waiting guest = room_.take(place);
  guest.watch.stop();
  host_.on_proxy_header({std::move(guest.fd), guest.deadline, guest.tls}, header,
                        core::Bytes(guest.bytes).substr(header.size));
  return false;
}

void ProxyHeaders::refuse(Room::Place place, std::string_view why) {
  const std::string text(why);  // It may be of the guest's own bytes.
  const reactor::SocketAddress peer = room_.take(place).peer;
  host_.on_no_proxy_header(peer, text);
}

}  // namespace onehop::server
