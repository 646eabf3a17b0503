// StreamReader: see the header.
#include "server/stream_reader.h"

#include <utility>

namespace onehop::server {

using State = transport::Transport::State;

bool StreamReader::receive(Connection& connection) {
  const ConnectionId id = connections_.id_of(connection);
  if (!deliver(id)) return false;
  const reactor::IoResult received = connection.receive(space_);
  if (received.would_block()) return false;
  CountedTransport& transport = connections_.transport_of(connection);
  if (received.status == reactor::IoResult::Status::kError) {
    host_.on_stream(connection, News::kBroken);
    return false;
  }
  if (received.transferred()) {
    transport->take_input({space_.data(), received.bytes});
  } else {
    transport->end_input();
  }
  return deliver(id) && received.bytes == space_.size();
}

bool StreamReader::deliver(ConnectionId id) {
  for (;;) {
    // Anew each time: what the shard does with the bytes may end the connection, or give it to another thread.
    Connection* connection = connections_.find(id);
    if (connection == nullptr || !connection->is_open() || !connection->has_transport) return false;
    CountedTransport& transport = connections_.transport_of(*connection);
    transport.count();
    if (!connection->reading()) return false;
    const size_t size = transport->read(shard_.receive_space(connection->link));
    if (size != 0) {
      shard_.on_received(connection->link, size, {loop_.now_ms()});
      host_.on_stream(*connection, News::kBytes);
      continue;
    }
    writer_.write_held(*connection);  // What came may have made it answer.
    if (connection->failed) return false;
    const State state = transport->state();
    if (state == State::kOpen || state == State::kHandshake) return true;
    host_.on_stream(*connection, state == State::kEnded ? News::kEnd : News::kBroken);
    return false;
  }
}

void StreamReader::look_at_all() {
  for (const ConnectionId id : std::exchange(waiting_, {})) deliver(id);
}

void StreamReader::tell_all_unread() {
  for (const ConnectionId id : waiting_) {
    const Connection* connection = connections_.find(id);
    if (connection != nullptr && connection->is_open()) shard_.on_unread(connection->link);
  }
}

}  // namespace onehop::server
