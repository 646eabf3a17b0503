// What the shard has written to a local client and the client has not looked at yet.
//
// It takes about kInboxBytes. What it does not take waits in the client's queue in core, as what a full socket does not
// take does. A frame that is larger is taken whole, because it can only be handed out whole.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "core/base/bytes.h"

namespace onehop::local {

inline constexpr size_t kInboxBytes = 256 << 10;

class Inbox {
 public:
  // Copies from the front of what is offered; returns how many bytes. Fewer than offered: it is full.
  size_t take(std::span<const core::Iov> pieces);

  // The next frame, without its length prefix, if all of it is there. It is valid until the next take() or tidy().
  bool next(core::Bytes& frame);
  // Makes room for more. True if there is some, and there was none for what was offered before.
  bool tidy();

 private:
  std::string bytes_;
  size_t begin_ = 0;  // What is before has been handed out.
  size_t bytes_max_ = kInboxBytes;
  bool was_full_ = false;
};

}  // namespace onehop::local
