// Inbox: see the header.
#include "local/inbox.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/wire/frame_decoder.h"

namespace onehop::local {

size_t Inbox::take(std::span<const core::Iov> pieces) {
  const size_t before = bytes_.size();
  for (const core::Iov& piece : pieces) {
    const size_t room = bytes_max_ - std::min(bytes_max_, bytes_.size() - begin_);
    const size_t size = std::min(room, piece.size);
    bytes_.append(piece.data, size);
    if (size == piece.size) continue;
    was_full_ = true;
    break;
  }
  return bytes_.size() - before;
}

bool Inbox::next(core::Bytes& frame) {
  const core::Bytes rest(bytes_.data() + begin_, bytes_.size() - begin_);
  uint64_t length = 0;
  size_t prefix_size = 0;
  const core::LengthState state = core::parse_length(rest, length, prefix_size);
  assert(state != core::LengthState::kBad && "the shard writes whole frames");
  if (state != core::LengthState::kComplete) return false;
  if (rest.size() - prefix_size < length) {
    bytes_max_ = std::max(kInboxBytes, prefix_size + length);
    return false;
  }
  bytes_max_ = kInboxBytes;
  frame = rest.substr(prefix_size, length);
  begin_ += prefix_size + length;
  return true;
}

bool Inbox::tidy() {
  if (begin_ != 0) {
    bytes_.erase(0, begin_);
    begin_ = 0;
  }
  if (bytes_.empty() && bytes_.capacity() > 2 * kInboxBytes) std::string().swap(bytes_);
  return bytes_.size() < bytes_max_ && std::exchange(was_full_, false);
}

}  // namespace onehop::local
