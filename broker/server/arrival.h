// A connection on its way from accept() to a shard, and where it comes from.
#pragma once

#include <memory>
#include <string>

#include "core/base/bytes.h"
#include "core/base/instant.h"
#include "core/shard/seam.h"
#include "reactor/address.h"
#include "reactor/cidr.h"
#include "reactor/fd.h"
#include "transport/transport.h"

namespace onehop::server {

// Where a connection comes from, if there is more to say than what the kernel knows.
struct Source {
  reactor::SocketAddress peer;  // From the PROXY header. Empty (size 0) without one; the kernel knows the peer then.
  reactor::IpAddress address;   // The address whose limits the connection counts in, if `counted`.
  bool counted = false;
  std::string certificate_name;  // From the PROXY header, too.
};

struct Arrival {
  reactor::Fd fd;
  // Bytes that came behind the PROXY header or were handed over. On their way into TransportHandshakes they are the
  // transport's input; where there is no handshake to come, they belong to the stream. Good for the call only.
  core::Bytes unread;
  core::Instant connect_deadline;
  core::Refusal refusal;
  std::unique_ptr<Source> source;                   // Mostly none.
  std::unique_ptr<transport::Transport> transport;  // None: a plain connection.
};

}  // namespace onehop::server
