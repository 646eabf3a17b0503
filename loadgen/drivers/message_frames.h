// onehop's message frames, fast: a reader that looks at a few fields in one pass over the bytes, and a writer that
// remembers what does not change from one message to the next. The less work a message is for the generator, the faster
// the systems that it can measure. Protobuf does everything else of the protocol.
#pragma once

#include <cstring>
#include <span>
#include <string>

#include "core/base/bytes.h"
#include "core/wire/message_scan.h"
#include "core/wire/tags.h"
#include "loadgen/drivers/driver.h"
#include "message/message_codec.h"

namespace onehop::loadgen {

// The fields that the generator reads of a message; 0 where the message has no such field.
struct ArrivedMessage {
  Bytes payload;
  uint64_t id = 0;
  uint64_t delivery_tag = 0;
  uint64_t from_session = 0;
};

// Reads the body of a message frame and skips all other fields. Returns false if the body is no message.
inline bool read_message(Bytes body, ArrivedMessage& out) {
  const char* at = body.data();
  const char* const end = at + body.size();
  while (at != end) {
    uint64_t tag = 0, value = 0;
    tag = static_cast<uint8_t>(*at);
    at = tag < 0x80 ? at + 1 : core::read_varint(at, end, 5, tag);
    if (at == nullptr || tag < 8) return false;
    switch (tag & 7) {
      case core::kVarint:
        at = core::read_varint(at, end, core::kVarintBytesMax, value);
        if (at == nullptr) return false;
        if (tag == core::kIdTag) out.id = value;
        if (tag == core::kDeliveryTagTag) out.delivery_tag = value;
        break;
      case core::kFixed64:
        if (end - at < 8) return false;
        if (tag == core::kFromSessionTag) out.from_session = core::read_fixed64(at);
        at += 8;
        break;
      case core::kLengthDelimited:
        at = core::read_varint(at, end, core::kVarintBytesMax, value);
        if (at == nullptr || value > static_cast<uint64_t>(end - at)) return false;
        if (tag == core::kPayloadTag) out.payload = {at, static_cast<size_t>(value)};
        at += value;
        break;
      case core::kFixed32:
        if (end - at < 4) return false;
        at += 4;
        break;
      default:
        return false;
    }
  }
  return true;
}

// The last message that arrived on one connection. Usually the next one differs only in its payload, which one
// comparison finds out. Invariant: begin_ holds the bytes before the payload in a whole frame of frame_bytes_, the
// payload is the end of that frame, and fields_ are its other fields.
class LastMessage {
 public:
  // Whether `in` begins with a whole frame that differs only in its payload.
  bool is_repeated_by(Bytes in) const {
    return !begin_.empty() && in.size() >= frame_bytes_ && std::memcmp(in.data(), begin_.data(), begin_.size()) == 0;
  }
  size_t frame_bytes() const { return frame_bytes_; }
  Bytes payload_in(Bytes in) const { return in.substr(begin_.size(), frame_bytes_ - begin_.size()); }
  const ArrivedMessage& fields() const { return fields_; }  // The payload in it is not valid any more.

  // `frame` includes its length prefix. A message with a number of its own is like no other and is not remembered.
  void remember(Bytes frame, const ArrivedMessage& message) {
    const bool payload_is_last = message.payload.data() + message.payload.size() == frame.data() + frame.size();
    if (message.id != 0 || message.delivery_tag != 0 || !payload_is_last) return;
    fields_ = message;
    frame_bytes_ = frame.size();
    begin_.assign(frame.data(), message.payload.data());
  }

 private:
  std::string begin_;
  size_t frame_bytes_ = 0;
  ArrivedMessage fields_;
};

// Writes the messages of one connection. Invariant: start_ holds the bytes before the id in a frame, and head_ the
// bytes between the id and the payload. Both belong to messages to to_ with payload_bytes_, ttl_ms_ and an id of
// id_bytes_.
class MessageWriter {
 public:
  // Each message has these headers, which must outlive the writer.
  explicit MessageWriter(client::Confirm confirm, std::span<const client::Header> headers = {}) {
    options_.confirm = confirm;
    options_.headers = headers;
  }

  // Returns the size of the frame, without its length prefix.
  size_t write(Output& out, uint64_t id, const Outgoing& message, Bytes payload) {
    if (!is_like_last(id, message, payload)) return write_another(out, id, message, payload);
    char* at = out.reserve(start_.size() + id_bytes_ + head_.size() + payload.size());
    std::memcpy(at, start_.data(), start_.size());
    at = core::write_varint(at + start_.size(), id);
    std::memcpy(at, head_.data(), head_.size());
    at += head_.size();
    std::memcpy(at, payload.data(), payload.size());
    out.commit(at + payload.size());
    return frame_bytes_;
  }

 private:
  bool is_like_last(uint64_t id, const Outgoing& message, Bytes payload) const {
    return payload.size() == payload_bytes_ && message.ttl_ms == ttl_ms_ && message.in_reply_to == 0 &&
           message.in_reply_to_session == 0 && core::varint_size(id) == id_bytes_ && message.to == to_;
  }
  size_t write_another(Output& out, uint64_t id, const Outgoing& message, Bytes payload);

  client::SendOptions options_;
  std::string to_;
  std::string start_;
  std::string head_;
  size_t payload_bytes_ = 0;  // 0 if no message is remembered.
  size_t id_bytes_ = 0;
  size_t frame_bytes_ = 0;
  uint32_t ttl_ms_ = 0;
};

}  // namespace onehop::loadgen
