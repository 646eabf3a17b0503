// Reads the streams of connections that have a transport. Bytes go from the socket into the transport, and from the
// transport into the shard's space. Plain connections do not need it (ShardHost::receive). The loop's thread only.
//
// Invariant: if a transport holds bytes of the stream and its connection is to be read, the connection is in
// `waiting_`, because no event of the socket would remind anybody. A transport keeps such bytes when the shard stops
// reading, or hands the connection over, in the middle.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "core/shard/shard.h"
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

  // Gives the shard what the transport has, then reads the socket once. True: there is probably more, and the
  // connection is still open.
  bool receive(Connection& connection);
  // The transport may have bytes, or output, although nothing has come just now: the connection has arrived, or is to
  // be read again.
  void look_later(Connection& connection) { waiting_.push_back(connections_.id_of(connection)); }
  // Looks, once for each, at those that were to be looked at later. Before the loop sleeps.
  void look() {
    if (must_look()) look_at_all();
  }
  // Called before Shard::on_tick. Tells the shard (on_unread) which links have more to read, so that it does not end
  // them for being late or silent.
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
