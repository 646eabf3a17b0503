// One connection of a shard: its socket, and what its host notes of it. Every client pays for this struct, so what only
// a few have (a source that a PROXY header told, a transport) is in tables of Connections, and a bit here says so.
//
// A connection without a transport is plain: what its socket receives and sends is the stream.
#pragma once

#include <cstdint>

#include "core/base/ids.h"
#include "reactor/socket.h"

namespace onehop::server {

struct ConnectionId {
  uint32_t index = 0;
  uint32_t generation = 0;
};

struct Connection final : reactor::Socket {
  Connection(reactor::Loop& loop, reactor::SocketHandler& handler) : Socket(loop, handler) {}

  core::LinkId link;
  uint32_t index = 0;         // In the table of connections.
  bool failed = false;        // A write has failed, and the shard has not been told yet.
  bool stream_ended = false;  // The peer has ended its stream, and the shard has not been told yet.
  bool moved = false;         // Handed over to another shard, where it still counts in the limits.
  bool named : 1 = false;     // It has a session.
  bool has_source : 1 = false;
  bool has_transport : 1 = false;
};

static_assert(sizeof(Connection) <= 192, "every connection pays for this");

}  // namespace onehop::server
