// One pass forward, no allocation. A message's usual fields have tags of one byte, which the switch in scan_message
// dispatches; everything else goes through scan_tag and skip_value.
#include "core/wire/message_scan.h"

#include "core/base/utf8.h"
#include "core/wire/tags.h"

namespace onehop::core {
namespace {

constexpr size_t kTagBytesMax = 5;
constexpr size_t kFieldLengthBytesMax = 5;

using M = v1::Message;

constexpr bool is_broker_field(uint32_t number) {
  constexpr uint32_t kSingle = 1u << M::kFromFieldNumber | 1u << M::kDeliveryTagFieldNumber |
                               1u << M::kRedeliveredFieldNumber | 1u << M::kFromSessionFieldNumber |
                               1u << M::kTtlLeftMsFieldNumber;
  return (number < 16 && (kSingle >> number & 1) != 0) || (number >= 24 && number <= 31);
}

// Where the scan stands, and which of the fields 1 to 31 it has seen.
struct Cursor {
  const char* in;
  const char* end;
  uint32_t seen = 0;

  explicit Cursor(Bytes bytes) : in(bytes.data()), end(bytes.data() + bytes.size()) {}

  // Notes that the field is there; false if it was there already.
  bool first_time(uint32_t number) {
    const uint32_t bit = 1u << number;
    if ((seen & bit) != 0) return false;
    seen |= bit;
    return true;
  }
};

struct Tag {
  uint32_t number;
  uint32_t type;
};

// Reads a tag of any size, in its one allowed form.
inline ScanError scan_tag_bytes(Cursor& at, uint64_t& value) {
  if (at.in != at.end && static_cast<uint8_t>(*at.in) < 0x80) {
    value = static_cast<uint8_t>(*at.in++);
    return ScanError::kNone;
  }
  const char* after = read_varint(at.in, at.end, kTagBytesMax, value);
  if (after == nullptr) {
    return at.end - at.in < static_cast<ptrdiff_t>(kTagBytesMax) ? ScanError::kTagCutShort : ScanError::kTagTooLarge;
  }
  if (value > UINT32_MAX) return ScanError::kTagTooLarge;
  if (after[-1] == 0) return ScanError::kTagNotShortest;
  at.in = after;
  return ScanError::kNone;
}

// Reads a tag and checks what holds for every field, known or not.
inline ScanError scan_tag(Cursor& at, Tag& tag) {
  uint64_t value;
  const ScanError error = scan_tag_bytes(at, value);
  if (error != ScanError::kNone) return error;
  tag = {static_cast<uint32_t>(value >> 3), static_cast<uint32_t>(value & 7)};
  if (tag.number == 0) return ScanError::kFieldNumberZero;
  if (tag.type == kGroupBegin || tag.type == kGroupEnd) return ScanError::kGroup;
  return tag.type > kFixed32 ? ScanError::kUnknownWireType : ScanError::kNone;
}

inline ScanError scan_varint(Cursor& at, uint64_t& value) {
  if (at.in != at.end && static_cast<uint8_t>(*at.in) < 0x80) {
    value = static_cast<uint8_t>(*at.in++);
    return ScanError::kNone;
  }
  const char* after = read_varint(at.in, at.end, kVarintBytesMax, value);
  if (after == nullptr) return ScanError::kBadVarint;
  if (after - at.in == static_cast<ptrdiff_t>(kVarintBytesMax) && after[-1] > 1) return ScanError::kBadVarint;
  at.in = after;
  return ScanError::kNone;
}

inline ScanError scan_fixed(Cursor& at, ptrdiff_t size) {
  if (at.end - at.in < size) return ScanError::kFixedCutShort;
  at.in += size;
  return ScanError::kNone;
}

inline ScanError scan_length_delimited(Cursor& at, Bytes& body) {
  uint64_t length;
  if (at.in != at.end && static_cast<uint8_t>(*at.in) < 0x80) {
    length = static_cast<uint8_t>(*at.in++);
  } else {
    at.in = read_varint(at.in, at.end, kFieldLengthBytesMax, length);
    if (at.in == nullptr) return ScanError::kBadLength;
  }
  if (length > static_cast<uint64_t>(at.end - at.in)) return ScanError::kLengthPastEnd;
  body = Bytes(at.in, length);
  at.in += length;
  return ScanError::kNone;
}

ScanError skip_value(Cursor& at, uint32_t type) {
  uint64_t ignored_value;
  Bytes ignored_body;
  switch (type) {
    case kVarint:
      return scan_varint(at, ignored_value);
    case kFixed64:
      return scan_fixed(at, 8);
    case kFixed32:
      return scan_fixed(at, 4);
    default:
      return scan_length_delimited(at, ignored_body);
  }
}

// The value of a known field of Message, whose tag of one byte is next.
inline ScanError scan_number(Cursor& at, uint32_t field, uint64_t& value) {
  if (!at.first_time(field)) return ScanError::kRepeatedField;
  ++at.in;
  return scan_varint(at, value);
}

inline ScanError scan_in_reply_to_session(Cursor& at, ScannedMessage& out) {
  if (!at.first_time(M::kInReplyToSessionFieldNumber)) return ScanError::kRepeatedField;
  ++at.in;
  if (at.end - at.in < 8) return ScanError::kFixedCutShort;
  out.in_reply_to_session = read_fixed64(at.in);
  at.in += 8;
  return ScanError::kNone;
}

inline ScanError scan_payload(Cursor& at) {
  if (!at.first_time(M::kPayloadFieldNumber)) return ScanError::kRepeatedField;
  ++at.in;
  Bytes ignored_body;
  return scan_length_delimited(at, ignored_body);
}

inline ScanError scan_destination(Cursor& at, Destination destination, Bytes known_good_name, ScannedMessage& out) {
  // The three share a bit: only one of them may be there, once.
  if (!at.first_time(M::kClientFieldNumber)) return ScanError::kSecondDestination;
  ++at.in;
  const ScanError error = scan_length_delimited(at, out.destination_name);
  if (error != ScanError::kNone) return error;
  out.destination = destination;
  out.has_known_name = out.destination_name == known_good_name;
  return out.has_known_name || is_valid_utf8(out.destination_name) ? ScanError::kNone : ScanError::kInvalidUtf8;
}

ScanError scan_header(Bytes header) {
  Cursor at(header);
  while (at.in != at.end) {
    Tag tag;
    ScanError error = scan_tag(at, tag);
    if (error != ScanError::kNone) return error;
    if (tag.number != v1::Header::kKeyFieldNumber && tag.number != v1::Header::kValueFieldNumber) {
      error = skip_value(at, tag.type);
      if (error != ScanError::kNone) return error;
      continue;
    }
    if (tag.type != kLengthDelimited) return ScanError::kWrongWireType;
    if (!at.first_time(tag.number)) return ScanError::kRepeatedField;
    Bytes body;
    error = scan_length_delimited(at, body);
    if (error != ScanError::kNone) return error;
    if (tag.number == v1::Header::kKeyFieldNumber && !is_valid_utf8(body)) return ScanError::kInvalidUtf8;
  }
  return ScanError::kNone;
}

// What the headers of a message may still add.
struct HeaderAllowance {
  size_t entries = kHeadersMax;
  size_t bytes = kHeaderBytesMax;
};

ScanError scan_headers_field(Cursor& at, HeaderAllowance& allowance) {
  ++at.in;
  Bytes header;
  const ScanError error = scan_length_delimited(at, header);
  if (error != ScanError::kNone) return error;
  if (allowance.entries == 0) return ScanError::kTooManyHeaders;
  if (header.size() > allowance.bytes) return ScanError::kHeadersTooLarge;
  --allowance.entries;
  allowance.bytes -= header.size();
  return scan_header(header);
}

// A number that is not 0 sets the flag. As with protobuf the last one counts.
ScanError scan_flag(Cursor& at, MessageFlag flag, ScannedMessage& out) {
  uint64_t value = 0;
  const ScanError error = scan_varint(at, value);
  out.flags = static_cast<uint8_t>(value != 0 ? out.flags | flag : out.flags & ~flag);
  return error;
}

// A field whose tag is not one of those in scan_message's switch: with a tag of two bytes and more, unknown, or wrong.
ScanError scan_other_field(Cursor& at, ScannedMessage& out) {
  Tag tag;
  const ScanError error = scan_tag(at, tag);
  if (error != ScanError::kNone) return error;
  if (is_broker_field(tag.number)) return ScanError::kBrokerField;
  if (tag.number < M::kMaybeRepeatedFieldNumber) return ScanError::kWrongWireType;
  if (tag.number == M::kMaybeRepeatedFieldNumber) {
    if (tag.type != kVarint) return ScanError::kWrongWireType;
    if (!at.first_time(M::kMaybeRepeatedFieldNumber)) return ScanError::kRepeatedField;
  }
  if (tag.type == kVarint && tag.number == M::kRetryAttemptedFieldNumber) return scan_flag(at, kRetryAttempted, out);
  if (tag.type == kVarint && tag.number == M::kWantsReplyFieldNumber) return scan_flag(at, kWantsReply, out);
  return skip_value(at, tag.type);
}

// A number of at most 9 bytes at `at`, if its tag of one byte is there. False: it is longer, or cut short.
inline bool take_number(const char*& in, const char* end, uint8_t tag, uint64_t& value) {
  if (in == end || static_cast<uint8_t>(*in) != tag) return true;
  in = read_varint(in + 1, end, kVarintBytesMax - 1, value);
  return in != nullptr;
}

// Takes what most messages are: to the known name, perhaps with an id and a level of confirmation, then a payload to
// the end, in this order. False if it is anything else, right or wrong; then `out` says nothing. Half the work of the
// general scan, and less.
inline bool scan_usual_message(Bytes body, Bytes known_name, ScannedMessage& out) {
  const char* in = body.data();
  const char* const end = in + body.size();
  if (known_name.empty() || known_name.size() >= 0x80 || body.size() < 2 + known_name.size()) return false;
  if (static_cast<uint8_t>(in[0]) != kClientTag) return false;
  if (static_cast<uint8_t>(in[1]) != known_name.size()) return false;
  out.destination_name = Bytes(in + 2, known_name.size());
  if (out.destination_name != known_name) return false;
  in += 2 + known_name.size();
  uint64_t confirm = 0;
  if (!take_number(in, end, kIdTag, out.id)) return false;
  if (!take_number(in, end, kConfirmTag, confirm)) return false;
  if (in == end || static_cast<uint8_t>(*in) != kPayloadTag) return false;
  uint64_t size;
  in = read_varint(in + 1, end, kFieldLengthBytesMax, size);
  if (in == nullptr || size != static_cast<uint64_t>(end - in)) return false;
  out.confirm = static_cast<int32_t>(static_cast<uint32_t>(confirm));
  out.has_known_name = true;
  return true;
}

}  // namespace

ScanError scan_message(Bytes body, Bytes known_good_name, ScannedMessage& out) {
  out = {};
  if (scan_usual_message(body, known_good_name, out)) return ScanError::kNone;
  out = {};
  Cursor at(body);
  HeaderAllowance allowance;
  uint64_t confirm = 0;
  uint64_t ttl_ms = 0;
  while (at.in != at.end) {
    ScanError error;
    switch (static_cast<uint8_t>(*at.in)) {
      case kClientTag:
        error = scan_destination(at, Destination::kClient, known_good_name, out);
        break;
      case kTopicTag:
        error = scan_destination(at, Destination::kTopic, {}, out);
        break;
      case kServiceTag:
        error = scan_destination(at, Destination::kService, {}, out);
        break;
      case kIdTag:
        error = scan_number(at, M::kIdFieldNumber, out.id);
        break;
      case kConfirmTag:
        error = scan_number(at, M::kConfirmFieldNumber, confirm);
        break;
      case kTtlTag:
        error = scan_number(at, M::kTtlMsFieldNumber, ttl_ms);
        break;
      case kInReplyToTag:
        error = scan_number(at, M::kInReplyToFieldNumber, out.in_reply_to);
        break;
      case kHeadersTag:
        error = scan_headers_field(at, allowance);
        break;
      case kInReplyToSessionTag:
        error = scan_in_reply_to_session(at, out);
        break;
      case kPayloadTag:
        error = scan_payload(at);
        break;
      default:
        error = scan_other_field(at, out);
        break;
    }
    if (error != ScanError::kNone) return error;
  }
  if ((at.seen & 1u << M::kClientFieldNumber) == 0) return ScanError::kNoDestination;
  out.confirm = static_cast<int32_t>(static_cast<uint32_t>(confirm));
  out.ttl_ms = static_cast<uint32_t>(ttl_ms);
  out.is_special = is_special(out);
  return ScanError::kNone;
}

ScanError scan_any_frame(Bytes frame, FrameField& out) {
  Cursor at(frame);
  Tag tag;
  ScanError error = scan_tag(at, tag);
  if (error != ScanError::kNone) return error;
  if (tag.type != kLengthDelimited) return ScanError::kFrameNotLengthDelimited;
  out.number = tag.number;
  error = scan_length_delimited(at, out.body);
  if (error != ScanError::kNone) return error;
  return at.in == at.end ? ScanError::kNone : ScanError::kFrameSecondField;
}

const char* describe(ScanError error) {
  switch (error) {
    case ScanError::kNone:
      return "nothing";
    case ScanError::kTagCutShort:
      return "the bytes end within a field's tag";
    case ScanError::kTagTooLarge:
      return "a tag over 5 bytes, or a field number over 536870911";
    case ScanError::kTagNotShortest:
      return "a tag that is longer than needed";
    case ScanError::kFieldNumberZero:
      return "field number 0";
    case ScanError::kGroup:
      return "a group";
    case ScanError::kUnknownWireType:
      return "wire type 6 or 7";
    case ScanError::kBadVarint:
      return "a number that is cut short, over 10 bytes or over 64 bits";
    case ScanError::kFixedCutShort:
      return "a fixed-size number that is cut short";
    case ScanError::kBadLength:
      return "a length that is cut short or over 5 bytes";
    case ScanError::kLengthPastEnd:
      return "a length past the end";
    case ScanError::kWrongWireType:
      return "a known field with another wire type";
    case ScanError::kRepeatedField:
      return "a field that may come once came twice";
    case ScanError::kBrokerField:
      return "a field that only the broker sets";
    case ScanError::kInvalidUtf8:
      return "a string that is not UTF-8";
    case ScanError::kTooManyHeaders:
      return "more than 64 headers";
    case ScanError::kHeadersTooLarge:
      return "more than 8 KiB of headers";
    case ScanError::kNoDestination:
      return "no destination";
    case ScanError::kSecondDestination:
      return "more than one destination";
    case ScanError::kFrameNotLengthDelimited:
      return "a frame's field that is not length-delimited";
    case ScanError::kFrameSecondField:
      return "a frame with more than one field";
  }
  return "unknown";
}

}  // namespace onehop::core
