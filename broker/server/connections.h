// All connections of one shard that have not been closed completely, and what only a few of them have. The loop's
// thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <absl/container/flat_hash_map.h>

#include "core/base/slab.h"
#include "reactor/address.h"
#include "reactor/fd.h"
#include "reactor/loop.h"
#include "server/arrival.h"
#include "server/connection.h"
#include "server/counted_transport.h"

namespace onehop::server {

class Connections {
 public:
  // `handler` is told of events of all sockets.
  Connections(reactor::Loop& loop, reactor::SocketHandler& handler) : loop_(loop), handler_(handler) {}

  // The socket is held, not watched, and being read.
  Connection& insert(reactor::Fd fd, std::unique_ptr<Source> source, std::unique_ptr<transport::Transport> transport);
  // Nothing if it is gone.
  Connection* find(ConnectionId id) { return all_.find(id); }
  ConnectionId id_of(const Connection& connection) { return all_.id_at(connection.index); }
  // After the socket has told on_closed.
  void erase(Connection& connection);
  template <typename Visit>
  void for_each(Visit visit) {
    all_.for_each([&visit](ConnectionId, Connection& connection) { visit(connection); });
  }
  // Closes all sockets; each tells on_closed in a later turn of the loop.
  void close_all();
  size_t size() const { return all_.size(); }

  // Nothing if there is no more to say than what the kernel knows.
  std::unique_ptr<Source> take_source(Connection& connection);
  // Null: there is nothing to say.
  const Source* source_of(const Connection& connection) const {
    return connection.has_source ? sources_.find(connection.index)->second.get() : nullptr;
  }
  // Where it comes from; of no family if that is not known any more.
  reactor::SocketAddress address_of(const Connection& connection) const;

  // Of one that has a transport.
  CountedTransport& transport_of(const Connection& connection) { return *transports_.find(connection.index)->second; }
  // It has none from then on. Nothing if it had none.
  std::unique_ptr<CountedTransport> take_transport(Connection& connection);
  // What all transports of this shard hold, those that linger included: who makes a CountedTransport counts it here.
  uint64_t& held_bytes() { return held_bytes_; }

 private:
  reactor::Loop& loop_;
  reactor::SocketHandler& handler_;
  uint64_t held_bytes_ = 0;
  core::Slab<Connection, ConnectionId> all_;
  // By the connection's index.
  absl::flat_hash_map<uint32_t, std::unique_ptr<Source>> sources_;
  absl::flat_hash_map<uint32_t, std::unique_ptr<CountedTransport>> transports_;
};

}  // namespace onehop::server
