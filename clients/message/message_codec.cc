// See the header.
#include "message/message_codec.h"

#include <algorithm>

#include "core/base/limits.h"
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
using core::kServiceTag;
using core::kTopicTag;
using core::kTtlTag;

// Two bytes on the wire.
constexpr uint32_t kMaybeRepeatedTag = v1::Message::kMaybeRepeatedFieldNumber << 3 | core::kVarint;
constexpr uint32_t kWantsReplyTag = v1::Message::kWantsReplyFieldNumber << 3 | core::kVarint;
// The whole fields.
constexpr Bytes kRetryAttemptedField = "\x88\x01\x01";
constexpr Bytes kWantsReplyField = "\x90\x01\x01";
static_assert(v1::Message::kRetryAttemptedFieldNumber == 17 && v1::Message::kWantsReplyFieldNumber == 18);

// By Destination.
constexpr char kDestinationTags[] = {kClientTag, kTopicTag, kServiceTag};

bool has_flags(const SendOptions& options) {
  return options.wants_reply || options.retry_attempted;
}

size_t flags_size(const SendOptions& options) {
  return (options.wants_reply ? kWantsReplyField.size() : 0) +
         (options.retry_attempted ? kRetryAttemptedField.size() : 0);
}

char* write_flags(char* out, const SendOptions& options) {
  if (options.wants_reply) out = std::copy_n(kWantsReplyField.data(), kWantsReplyField.size(), out);
  if (options.retry_attempted) out = std::copy_n(kRetryAttemptedField.data(), kRetryAttemptedField.size(), out);
  return out;
}

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
  // Behind it.
  const char* rest() const { return at_; }

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
  if (has_flags(options)) [[unlikely]]
    size_ += flags_size(options);
  if (!payload.empty()) size_ += bytes_field_size(payload.size());
  valid_ = !to.empty() && core::is_valid_utf8(to) && options.destination <= Destination::kService &&
           options.confirm <= Confirm::kDelivered && (options.headers.empty() || measure_headers());
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
  out = write_bytes_field(out, kDestinationTags[static_cast<size_t>(options_.destination)], to_);
  if (options_.confirm != Confirm::kRefusals) {
    *out++ = kConfirmTag;
    *out++ = static_cast<char>(options_.confirm);
  }
  if (has_flags(options_)) [[unlikely]]
    out = write_flags(out, options_);
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

Address destination_of(Bytes body) {
  uint64_t size = 0;
  const char* name = core::read_varint(body.data() + 1, body.data() + body.size(), core::kVarintBytesMax, size);
  const Destination kind = body.front() == kTopicTag     ? Destination::kTopic
                           : body.front() == kServiceTag ? Destination::kService
                                                         : Destination::kClient;
  return {{name, static_cast<size_t>(size)}, kind};
}

bool is_confirmed(Bytes body) {
  const Bytes to = destination_of(body).name;
  const char* behind = to.data() + to.size();
  return behind != body.data() + body.size() && *behind == kConfirmTag;
}

bool is_request(Bytes body) {
  constexpr size_t kConfirmFieldSize = 2;
  if (!is_confirmed(body)) return false;
  const Bytes to = destination_of(body).name;
  const size_t behind = static_cast<size_t>(to.data() - body.data()) + to.size() + kConfirmFieldSize;
  return body.substr(behind).starts_with(kWantsReplyField);
}

char* write_message_head(char* out, uint64_t id, const FrameSize& size) {
  out = write_varint(out, size.frame_bytes);
  *out++ = kFrameMessageTag;
  out = write_varint(out, size.message_bytes);
  *out++ = kIdTag;
  return write_varint(out, id);
}

namespace {

uint32_t cut_to_32(uint64_t value) {
  return static_cast<uint32_t>(std::min<uint64_t>(value, UINT32_MAX));
}

// A field of any form.
bool take_field(const FieldReader& field, std::vector<Header>& headers, Message& out) {
  switch (field.tag()) {
    case core::kFromTag:
      out.from = field.bytes();
      return true;
    case kIdTag:
      out.id = field.value();
      return true;
    case core::kDeliveryTagTag:
      out.tag.tag = field.value();
      return true;
    case kInReplyToTag:
      out.in_reply_to = field.value();
      return true;
    case core::kRedeliveredTag:
      out.redelivered = field.value() != 0;
      return true;
    case kHeadersTag: {
      Header header;
      if (!read_header(field.bytes(), header)) return false;
      headers.push_back(header);
      return true;
    }
    case core::kFromSessionTag:
      out.from_session = field.value();
      return true;
    case kInReplyToSessionTag:
      out.in_reply_to_session = field.value();
      return true;
    case kTtlTag:
      out.ttl_ms = cut_to_32(field.value());
      return true;
    case core::kTtlLeftTag:
      out.ttl_left_ms = static_cast<uint32_t>(field.value());
      return true;
    case kPayloadTag:
      out.payload = field.bytes();
      return true;
    case kTopicTag:
      out.topic = field.bytes();
      return true;
    case kServiceTag:
      out.service = field.bytes();
      return true;
    case core::kSkippedTag:
      out.skipped = cut_to_32(field.value());
      return true;
    case kMaybeRepeatedTag:
      out.maybe_repeated = field.value() != 0;
      return true;
    case kWantsReplyTag:
      out.wants_reply = field.value() != 0;
      return true;
    default:
      return true;
  }
}

// Behind a tag: a length and so many bytes. nullptr if they are not all there.
inline const char* take_bytes(const char* at, const char* end, Bytes& out) {
  uint64_t size = 0;
  at = core::read_varint(at, end, core::kVarintBytesMax, size);
  if (at == nullptr || size > static_cast<uint64_t>(end - at)) return nullptr;
  out = {at, static_cast<size_t>(size)};
  return at + size;
}

inline const char* take_number(const char* at, const char* end, uint64_t& out) {
  return core::read_varint(at, end, core::kVarintBytesMax, out);
}

// Reads a field if it is one of those that nearly every message has. Otherwise returns `at`; nullptr if it is broken.
inline const char* take_common_field(const char* at, const char* end, Message& out) {
  Bytes destination;
  switch (*at) {
    case core::kFromTag:
      return take_bytes(at + 1, end, out.from);
    case core::kFromSessionTag:
      if (end - at < 9) return nullptr;
      out.from_session = core::read_fixed64(at + 1);
      return at + 9;
    case kIdTag:
      return take_number(at + 1, end, out.id);
    case core::kDeliveryTagTag:
      return take_number(at + 1, end, out.tag.tag);
    case kClientTag:
      return take_bytes(at + 1, end, destination);
    case kPayloadTag:
      return take_bytes(at + 1, end, out.payload);
    default:
      return at;
  }
}

}  // namespace

bool read_message(Bytes body, std::vector<Header>& headers, Message& out) {
  out = Message{};
  headers.clear();
  const char* const end = body.data() + body.size();
  for (const char* at = body.data(); at != end;) {
    const char* const after = take_common_field(at, end, out);
    if (after == nullptr) return false;
    if (after != at) {
      at = after;
      continue;
    }
    FieldReader field({at, static_cast<size_t>(end - at)});
    if (!field.next() || !take_field(field, headers, out)) return false;
    at = field.rest();
  }
  out.headers = headers;
  return true;
}

SessionInfo to_session_info(const v1::Connected& connected) {
  return {.name = connected.name(),
          .server = connected.server(),
          .session = connected.session(),
          .keepalive_ms = connected.keepalive_ms(),
          .frame_bytes_max = connected.frame_bytes_max(),
          .send_window = connected.send_window(),
          .send_window_bytes = connected.send_window_bytes(),
          .session_expiry_ms = connected.session_expiry_ms(),
          .ttl_ms_max = connected.ttl_ms_max(),
          .resumed = connected.resumed(),
          .ordered_refusals = (connected.features() & core::kFeatureOrderedRefusals) != 0,
          .may_subscribe = (connected.features() & core::kFeatureTopics) != 0,
          .may_renew = (connected.features() & core::kFeatureRenewal) != 0,
          .credentials_expire_in_ms = connected.credentials_expire_in_ms()};
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
    case v1::OUTCOME_PARTIAL:
      return Outcome::kPartial;
    case v1::OUTCOME_REPLIED:
      return Outcome::kReplied;
    case v1::OUTCOME_RESPONDER_LOST:
      return Outcome::kResponderLost;
    default:
      return Outcome::kUnknown;
  }
}

}  // namespace onehop::client
