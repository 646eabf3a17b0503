// A connection on its way from accept() to a shard, and where it comes from.
#pragma once

#include <memory>

#include "core/bytes.h"
#include "core/instant.h"
#include "core/seam.h"
#include "reactor/address.h"
#include "reactor/cidr.h"
#include "reactor/fd.h"
#include "transport/transport.h"

namespace onehop::server {

// Where a connection comes from, if there is more to say than what the kernel knows.
struct Source {
  reactor::SocketAddress peer;  // As the PROXY header says; of no family if it did not: ask the kernel.
  reactor::IpAddress address;   // What it counts by, if it is
  bool counted = false;         // among the connections of its address.
};

struct Arrival {
  reactor::Fd fd;
  core::Bytes unread;  // Of the stream. Good for the call only.
  core::Instant connect_deadline;
  core::Refusal refusal;
  std::unique_ptr<Source> source;                   // Mostly none.
  std::unique_ptr<transport::Transport> transport;  // None: a plain connection.
};

}  // namespace onehop::server
