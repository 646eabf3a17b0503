// Connections: see the header.
#include "server/connections.h"

#include <utility>

namespace onehop::server {

Connection& Connections::insert(reactor::Fd fd, std::unique_ptr<Source> source,
                                std::unique_ptr<transport::Transport> transport) {
  const ConnectionId id = all_.insert(loop_, handler_);
  Connection& connection = all_[id.index];
  connection.index = id.index;
  if (source != nullptr) {
    connection.has_source = true;
    sources_[id.index] = std::move(source);
  }
  if (transport != nullptr) {
    connection.has_transport = true;
    transports_[id.index] = std::make_unique<CountedTransport>(std::move(transport), held_bytes_);
  }
  connection.hold(std::move(fd));
  connection.set_reading(true);
  return connection;
}

void Connections::erase(Connection& connection) {
  take_source(connection);
  take_transport(connection);
  all_.erase(id_of(connection));
}

void Connections::close_all() {
  all_.for_each([](ConnectionId, Connection& connection) {
    if (connection.is_open()) connection.close();
  });
}

std::unique_ptr<Source> Connections::take_source(Connection& connection) {
  if (!connection.has_source) return nullptr;
  connection.has_source = false;
  return std::move(sources_.extract(connection.index).mapped());
}

std::unique_ptr<CountedTransport> Connections::take_transport(Connection& connection) {
  if (!connection.has_transport) return nullptr;
  connection.has_transport = false;
  return std::move(transports_.extract(connection.index).mapped());
}

reactor::SocketAddress Connections::address_of(const Connection& connection) const {
  const Source* source = source_of(connection);
  if (source != nullptr && source->peer.size() != 0) return source->peer;
  return connection.is_open() ? reactor::SocketAddress::peer_of(connection.fd()) : reactor::SocketAddress();
}

}  // namespace onehop::server
