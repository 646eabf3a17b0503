// StreamWriter: see the header.
#include "server/stream_writer.h"

namespace onehop::server {
namespace {

// Takes `size` bytes off the front.
void drop_front(std::vector<core::Iov>& pieces, size_t size) {
  auto piece = pieces.begin();
  for (; piece != pieces.end() && size >= piece->size; ++piece) size -= piece->size;
  pieces.erase(pieces.begin(), piece);
  if (size != 0) pieces.front() = {pieces.front().data + size, pieces.front().size - size};
}

}  // namespace

// Goes on until all is taken, or the socket is full with some of it left in the transport.
size_t StreamWriter::write_through(Connection& connection, std::span<const core::Iov> pieces) {
  transport::Transport& transport = *connections_.transport_of(connection);
  size_t taken = transport.write(pieces);
  if (!write_held(connection)) return connection.failed ? 0 : taken;
  const size_t offered = bytes_in(pieces);
  std::vector<core::Iov> rest(pieces.begin(), pieces.end());
  for (size_t last = taken; taken < offered;) {
    drop_front(rest, last);
    last = transport.write(rest);
    taken += last;
    if (!write_held(connection)) return connection.failed ? 0 : taken;
    if (last != 0) continue;
    fail(connection);  // It has nothing to send and takes nothing: it is broken, and will never take anything.
    return 0;
  }
  return taken;
}

bool StreamWriter::write_held(Connection& connection) {
  CountedTransport& transport = connections_.transport_of(connection);
  transport.count();
  for (core::Bytes output; !(output = transport->output()).empty();) {
    if (connection.failed) return false;
    const iovec piece{const_cast<char*>(output.data()), output.size()};
    const reactor::IoResult sent = connection.send(&piece, 1);
    if (sent.status == reactor::IoResult::Status::kError) {
      fail(connection);
      return false;
    }
    transport.on_written(sent.bytes);
    if (sent.bytes < output.size()) {
      connection.want_writable(true);
      return false;
    }
  }
  return true;
}

void StreamWriter::fail(Connection& connection) {
  connection.failed = true;
  failed_.push_back(connections_.id_of(connection));
}

}  // namespace onehop::server
