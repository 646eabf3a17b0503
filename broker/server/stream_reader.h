// Reads the streams of connections that have a transport, for the shard: from the socket into the transport, out of it
// into the shard's own space. Plain connections do without (ShardHost::receive). The loop's thread only.
//
// Invariant: a transport with bytes of the stream left, of a connection that is to be read, is in `waiting_`: nothing
// happens on its socket that would remind anybody. It is left with some when the shard stops reading, or hands the
// connection over, in the middle.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "core/shard.h"
#include "reactor/loop.h"
#include "server/connection.h"
#include "server/connections.h"
#include "server/stream_writer.h"

namespace onehop::server {

class StreamReaderHost {
 public:
  enum class News : uint8_t {
    kBytes,   // The shard was given bytes of the stream.
    kEnd,     // The peer has ended its stream.
    kBroken,  // The transport's error says why.
  };
  // May close the connection or hand it over.
  virtual void on_stream(Connection& connection, News news) = 0;

 protected:
  ~StreamReaderHost() = default;
};

class StreamReader {
 public:
  // All of them outlive this.
  StreamReader(reactor::Loop& loop, Connections& connections, StreamWriter& writer, core::Shard& shard,
               StreamReaderHost& host)
      : loop_(loop), connections_(connections), writer_(writer), shard_(shard), host_(host) {}

  // What the transport has, then once from the socket. Whether there is likely more; then the connection is still open.
  bool receive(Connection& connection);
  // The transport may have bytes, or output, although nothing has come just now: the connection has arrived, or is to
  // be read again.
  void look_later(Connection& connection) { waiting_.push_back(connections_.id_of(connection)); }
  // Looks, once for each, at those that were to be looked at later. Before the loop sleeps.
  void look() {
    if (must_look()) look_at_all();
  }
  // Before the shard judges: tells it whom it must not, because there is more to read of them.
  void tell_unread() {
    if (must_look()) tell_all_unread();
  }
  // Whether the next turn of the loop must not wait.
  bool must_look() const { return !waiting_.empty(); }

 private:
  using News = StreamReaderHost::News;

  // Gives the shard what the transport has. True: the connection is open, is to be read, and only its socket has more.
  bool deliver(ConnectionId id);
  void look_at_all();
  void tell_all_unread();

  reactor::Loop& loop_;
  Connections& connections_;
  StreamWriter& writer_;
  core::Shard& shard_;
  StreamReaderHost& host_;
  std::vector<ConnectionId> waiting_;
  std::array<char, 16 << 10> space_;  // For the bytes of a socket, on their way into the transport.
};

}  // namespace onehop::server
