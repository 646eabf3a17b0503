// A message on its way to its recipient: the same from a client of this shard and out of another shard's parcel.
#pragma once

#include <cstdint>

#include "core/base/buffer.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/wire/message_scan.h"

namespace onehop::core {

// onehop.v1.CONFIRM_DELIVERED.
inline constexpr int32_t kConfirmDelivered = 1;

struct RoutedMessage {
  Origin sender;
  uint64_t from_session = 0;
  uint64_t destination_hash = 0;
  uint32_t frame_bytes = 0;       // Of the sender's frame, as its length prefix says.
  bool ordered_refusals = false;  // The sender uses the gate.
  Bytes from_stamp;               // The sender's name as field `from`.
  ScannedMessage scanned;
  Bytes body;               // The sender's bytes: the body of its Message.
  Buffer* owner = nullptr;  // The block the body lies in, or nullptr if it cannot be kept.

  // Whether the sender wants an outcome, not only refusals.
  bool confirmed() const { return scanned.confirm == kConfirmDelivered; }
};

}  // namespace onehop::core
