// Messages on the wire as a client needs them: writes what it sends without a protobuf object in between, reads what
// arrives without copying it.
//
// A message that is sent is an id and a body: the body is everything behind the id, so that a repeat with another id is
// the same body. It begins with the destination, the confirm level, and whether it is a request, which can therefore be
// read back from it.
#pragma once

#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "onehop/client_types.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::client {

// The largest body that any broker can be configured to take: keeps every size in 32 bits.
inline constexpr size_t kBodyBytesMax = 64 << 20;

// Measures a body, then writes it. What it is made from must live until then.
class BodyWriter {
 public:
  BodyWriter(core::Bytes to, core::Bytes payload, const SendOptions& options);

  // Whether the destination, the confirm level and the headers keep the rules.
  bool valid() const { return valid_; }
  size_t size() const { return size_; }
  // Writes size() bytes at `out`; returns the end of them.
  char* write(char* out) const;

 private:
  bool measure_headers();

  core::Bytes to_;
  core::Bytes payload_;
  const SendOptions& options_;
  size_t size_ = 0;
  bool valid_ = false;
};

// Where a message goes.
struct Address {
  core::Bytes name;
  Destination kind = Destination::kClient;

  friend bool operator==(const Address&, const Address&) = default;
};

// The destination that a body begins with. The body is one that BodyWriter wrote.
Address destination_of(core::Bytes body);
// Whether the body asks for an outcome (Confirm::kDelivered).
bool is_confirmed(core::Bytes body);
// Whether it asks for a reply as its outcome.
bool is_request(core::Bytes body);

// What is appended to a body to mark it maybe_repeated.
inline constexpr core::Bytes kMaybeRepeatedField = "\x80\x01\x01";

// The sizes of a frame around a message: its length prefix's value, and all that comes before the body.
struct FrameSize {
  FrameSize(uint64_t id, size_t body_size)
      : message_bytes(1 + core::varint_size(id) + body_size),
        frame_bytes(1 + core::varint_size(message_bytes) + message_bytes),
        head_bytes(core::varint_size(frame_bytes) + frame_bytes - body_size) {}
  size_t message_bytes;
  size_t frame_bytes;
  size_t head_bytes;
};

// Writes the length prefix, the frame's field and the id; the body follows. Returns where.
char* write_message_head(char* out, uint64_t id, const FrameSize& size);

// Reads the body of a message frame from the broker. Fields it does not know are skipped. `headers` holds what
// `out.headers` names. Its tag's session is the caller's to set. False: it is not a message.
bool read_message(core::Bytes body, std::vector<Header>& headers, Message& out);

// What a Connected says. It refers to `connected`.
SessionInfo to_session_info(const v1::Connected& connected);

// An outcome that this client does not know is final and no delivery, but it may have arrived: kUnknown.
Outcome to_outcome(v1::Outcome outcome);

}  // namespace onehop::client
