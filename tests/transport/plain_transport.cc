// PlainTransport: see the header.
#include "transport_test/plain_transport.h"

#include <algorithm>
#include <cassert>

namespace onehop::transport {

void PlainTransport::take_input(core::Bytes bytes) {
  assert(input_.empty() && !input_ended_);
  input_.append(bytes);
}

size_t PlainTransport::read(std::span<char> into) {
  const core::Bytes taken = input_.front().substr(0, into.size());
  std::copy(taken.begin(), taken.end(), into.begin());
  input_.pop(taken.size());
  return taken.size();
}

size_t PlainTransport::write(std::span<const core::Iov> pieces) {
  size_t taken = 0;
  for (const core::Iov& piece : pieces) {
    const size_t room = kOutputBytesMax - std::min(kOutputBytesMax, output_.size());
    const size_t size = std::min(room, piece.size);
    output_.append({piece.data, size});
    taken += size;
    if (size < piece.size) break;
  }
  return taken;
}

}  // namespace onehop::transport
