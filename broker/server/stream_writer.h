// Writes what the shard offers to connections: a plain one's to its socket, any other's through its transport. The
// loop's thread only.
//
// A socket that takes less than it is offered is waited for (want_writable), and what it did not take stays where it
// was: with the shard, or in the transport. A socket that fails is not closed here, because the shard is in the middle
// of a call then: it is noted, takes nothing more, and its host tells the shard afterwards.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "core/base/bytes.h"
#include "server/connection.h"
#include "server/connections.h"

namespace onehop::server {

class StreamWriter {
 public:
  // `connections` outlives this.
  explicit StreamWriter(Connections& connections) : connections_(connections) {}

  // As core::Host::write. Inline for the plain ones, where it costs the look at one bit.
  size_t write(Connection& connection, std::span<const core::Iov> pieces) {
    static_assert(sizeof(core::Iov) == sizeof(iovec) && offsetof(core::Iov, data) == offsetof(iovec, iov_base) &&
                  offsetof(core::Iov, size) == offsetof(iovec, iov_len));
    if (connection.failed) return 0;
    if (connection.has_transport) return write_through(connection, pieces);
    const reactor::IoResult sent =
        connection.send(reinterpret_cast<const iovec*>(pieces.data()), static_cast<int>(pieces.size()));
    if (sent.status == reactor::IoResult::Status::kError) {
      fail(connection);
    } else if (sent.bytes < bytes_in(pieces)) {
      connection.want_writable(true);
    }
    return sent.bytes;
  }
  // Sends what the connection's transport holds. Whether all of it has gone: if not, the socket is waited for, or
  // failed.
  bool write_held(Connection& connection);

  // Takes out those that failed since the last call. Some may be gone by now.
  std::vector<ConnectionId> take_failed() { return std::exchange(failed_, {}); }
  bool has_failed() const { return !failed_.empty(); }

 private:
  size_t write_through(Connection& connection, std::span<const core::Iov> pieces);
  void fail(Connection& connection);
  static size_t bytes_in(std::span<const core::Iov> pieces) {
    size_t size = 0;
    for (const core::Iov& piece : pieces) size += piece.size;
    return size;
  }

  Connections& connections_;
  std::vector<ConnectionId> failed_;
};

}  // namespace onehop::server
