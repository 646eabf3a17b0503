// See the header.
#include "message/message_codec.h"

#include <algorithm>

#include "core/base/utf8.h"
#include "core/wire/message_scan.h"
#include "core/wire/tags.h"

namespace onehop::client {
namespace {

using core::Bytes;
using core::varint_size;
using core::write_varint;

using core::kClientTag;
using core::kConfirmTag;
using core::kFrameMessageTag;
using core::kHeadersTag;
using core::kIdTag;
using core::kInReplyToSessionTag;
using core::kInReplyToTag;
using core::kPayloadTag;
using core::kTtlTag;

// Two bytes on the wire.
constexpr uint32_t kMaybeRepeatedTag = v1::Message::kMaybeRepeatedFieldNumber << 3 | core::kVarint;

size_t bytes_field_size(size_t size) {
  return 1 + varint_size(size) + size;
}

char* write_bytes_field(char* out, char tag, Bytes bytes) {
  *out++ = tag;
  out = write_varint(out, bytes.size());
  return std::copy_n(bytes.data(), bytes.size(), out);
}

size_t header_body_size(const Header& header) {
  return bytes_field_size(header.key.size()) + bytes_field_size(header.value.size());
}

// Walks over the fields of a protobuf message.
class FieldReader {
 public:
  explicit FieldReader(Bytes bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  // Goes to the next field. False at the end, and when the bytes are broken: then failed() is true.
  bool next() {
    if (at_ == end_) return false;
    uint64_t tag = 0;
    failed_ = !read_varint(tag) || tag >> 3 == 0 || tag >> 32 != 0 || !read_value(static_cast<uint32_t>(tag & 7));
    number_ = static_cast<uint32_t>(tag >> 3);
    type_ = static_cast<uint32_t>(tag & 7);
    return !failed_;
  }
  bool failed() const { return failed_; }
  // The field number with the wire type, as in a tag.
  uint32_t tag() const { return number_ << 3 | type_; }
  uint64_t value() const { return value_; }
  Bytes bytes() const { return bytes_; }

 private:
  bool read_varint(uint64_t& value) {
    const char* after = core::read_varint(at_, end_, core::kVarintBytesMax, value);
    if (after == nullptr) return false;
    at_ = after;
    return true;
  }

  bool take(uint64_t size) {
    if (size > static_cast<uint64_t>(end_ - at_)) return false;
    bytes_ = {at_, static_cast<size_t>(size)};
    at_ += size;
    return true;
  }

  bool read_value(uint32_t type) {
    switch (type) {
      case 0:
        return read_varint(value_);
      case 1:
        if (!take(8)) return false;
        value_ = core::read_fixed64(bytes_.data());
        return true;
      case 2: {
        uint64_t size = 0;
        return read_varint(size) && take(size);
      }
      case 5:
        return take(4);
      default:
        return false;
    }
  }

  const char* at_;
  const char* end_;
  Bytes bytes_;
  uint64_t value_ = 0;
  uint32_t number_ = 0;
  uint32_t type_ = 0;
  bool failed_ = false;
};

bool read_header(Bytes body, Header& out) {
  FieldReader fields(body);
  while (fields.next()) {
    if (fields.tag() == core::kHeaderKeyTag) out.key = fields.bytes();
    if (fields.tag() == core::kHeaderValueTag) out.value = fields.bytes();
  }
  return !fields.failed();
}

}  // namespace

BodyWriter::BodyWriter(Bytes to, Bytes payload, const SendOptions& options)
    : to_(to), payload_(payload), options_(options) {
  size_ = bytes_field_size(to.size());
  if (options.confirm != Confirm::kRefusals) size_ += 2;
  if (options.ttl_ms != 0) size_ += 1 + varint_size(options.ttl_ms);
  if (options.in_reply_to != 0) size_ += 1 + varint_size(options.in_reply_to);
  if (options.in_reply_to_session != 0) size_ += 1 + sizeof(uint64_t);
  if (!payload.empty()) size_ += bytes_field_size(payload.size());
  valid_ = !to.empty() && core::is_valid_utf8(to) && options.confirm <= Confirm::kDelivered && measure_headers();
}

bool BodyWriter::measure_headers() {
  if (options_.headers.size() > core::kHeadersMax) return false;
  size_t total = 0;
  for (const Header& header : options_.headers) {
    if (!core::is_valid_utf8(header.key)) return false;
    const size_t size = header_body_size(header);
    total += size;
    if (total > core::kHeaderBytesMax) return false;
    size_ += bytes_field_size(size);
  }
  return true;
}

char* BodyWriter::write(char* out) const {
  out = write_bytes_field(out, kClientTag, to_);
  if (options_.confirm != Confirm::kRefusals) {
    *out++ = kConfirmTag;
    *out++ = static_cast<char>(options_.confirm);
  }
  if (options_.ttl_ms != 0) {
    *out++ = kTtlTag;
    out = write_varint(out, options_.ttl_ms);
  }
  if (options_.in_reply_to != 0) {
    *out++ = kInReplyToTag;
    out = write_varint(out, options_.in_reply_to);
  }
  for (const Header& header : options_.headers) {
    *out++ = kHeadersTag;
    out = write_varint(out, header_body_size(header));
    out = write_bytes_field(out, core::kHeaderKeyTag, header.key);
    out = write_bytes_field(out, core::kHeaderValueTag, header.value);
  }
  if (options_.in_reply_to_session != 0) {
    *out++ = kInReplyToSessionTag;
    out = core::write_fixed64(out, options_.in_reply_to_session);
  }
  if (!payload_.empty()) out = write_bytes_field(out, kPayloadTag, payload_);
  return out;
}

Bytes destination_of(Bytes body) {
  uint64_t size = 0;
  const char* name = core::read_varint(body.data() + 1, body.data() + body.size(), core::kVarintBytesMax, size);
  return {name, static_cast<size_t>(size)};
}

bool is_confirmed(Bytes body) {
  const Bytes to = destination_of(body);
  const char* behind = to.data() + to.size();
  return behind != body.data() + body.size() && *behind == kConfirmTag;
}

char* write_message_head(char* out, uint64_t id, const FrameSize& size) {
  out = write_varint(out, size.frame_bytes);
  *out++ = kFrameMessageTag;
  out = write_varint(out, size.message_bytes);
  *out++ = kIdTag;
  return write_varint(out, id);
}

bool read_message(Bytes body, std::vector<Header>& headers, Message& out) {
  out = Message{};
  headers.clear();
  FieldReader fields(body);
  while (fields.next()) {
    switch (fields.tag()) {
      case core::kFromTag:
        out.from = fields.bytes();
        break;
      case kIdTag:
        out.id = fields.value();
        break;
      case core::kDeliveryTagTag:
        out.tag.tag = fields.value();
        break;
      case kInReplyToTag:
        out.in_reply_to = fields.value();
        break;
      case core::kRedeliveredTag:
        out.redelivered = fields.value() != 0;
        break;
      case kHeadersTag: {
        Header header;
        if (!read_header(fields.bytes(), header)) return false;
        headers.push_back(header);
        break;
      }
      case core::kFromSessionTag:
        out.from_session = fields.value();
        break;
      case kInReplyToSessionTag:
        out.in_reply_to_session = fields.value();
        break;
      case kTtlTag:
        out.ttl_ms = static_cast<uint32_t>(std::min<uint64_t>(fields.value(), UINT32_MAX));
        break;
      case core::kTtlLeftTag:
        out.ttl_left_ms = static_cast<uint32_t>(fields.value());
        break;
      case kPayloadTag:
        out.payload = fields.bytes();
        break;
      case kMaybeRepeatedTag:
        out.maybe_repeated = fields.value() != 0;
        break;
      default:
        break;
    }
  }
  out.headers = headers;
  return !fields.failed();
}

Outcome to_outcome(v1::Outcome outcome) {
  switch (outcome) {
    case v1::OUTCOME_DELIVERED:
      return Outcome::kDelivered;
    case v1::OUTCOME_REJECTED:
      return Outcome::kRejected;
    case v1::OUTCOME_EXPIRED:
      return Outcome::kExpired;
    case v1::OUTCOME_LOST:
      return Outcome::kLost;
    default:
      return Outcome::kUnknown;
  }
}

}  // namespace onehop::client
