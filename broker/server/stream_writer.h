// Writes what the shard offers to connections: a plain one's to its socket, any other's through its transport. The
// loop's thread only.
//
// A socket that takes less than it is offered is waited for (want_writable), and what it did not take stays where it
// was: with the shard, or in the transport. A socket that fails is not closed here, because the shard is in the middle
// of a call then: it is noted, takes nothing more, and its host tells the shard afterwards.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "server/connection.h"
#include "server/connections.h"

namespace onehop::server {

class StreamWriter {
 public:
  // `connections` outlives this.
  explicit StreamWriter(Connections& connections) : connections_(connections) {}

  // As core::Host::write.
  size_t write(Connection& connection, std::span<const core::Iov> pieces);
  // Sends what the connection's transport holds. Whether all of it has gone: if not, the socket is waited for, or
  // failed.
  bool write_held(Connection& connection);

  // Takes out those that failed since the last call. Some may be gone by now.
  std::vector<ConnectionId> take_failed() { return std::exchange(failed_, {}); }
  bool has_failed() const { return !failed_.empty(); }

 private:
  size_t write_through(Connection& connection, std::span<const core::Iov> pieces);
  void fail(Connection& connection);

  Connections& connections_;
  std::vector<ConnectionId> failed_;
};

}  // namespace onehop::server
