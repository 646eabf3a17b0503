// The slow check reads all fields into a list first, and then tests one rule after the other on the list.
#include "message_oracle.h"

#include <google/protobuf/stubs/logging.h>
#include <onehop/v1/onehop.pb.h>

#include <cstring>
#include <map>
#include <optional>
#include <vector>

namespace onehop::fuzz {
namespace {

using core::Bytes;
using core::ScanError;
using Faults = std::set<ScanError>;

struct Field {
  uint64_t number = 0;
  unsigned type = 0;
  uint64_t value = 0;
  Bytes body;
};

// One varint, with each of its seven-bit groups; none if the bytes end within it or after `groups_max` groups.
struct Varint {
  std::vector<unsigned> groups;
  // The bits that 64 have room for, and whether there are more.
  uint64_t value = 0;
  bool over_64_bits = false;
};

std::optional<Varint> take_varint(Bytes& rest, size_t groups_max) {
  Varint varint;
  for (size_t at = 0; at < rest.size() && at < groups_max; ++at) {
    const unsigned byte = static_cast<unsigned char>(rest[at]);
    varint.groups.push_back(byte % 128);
    if (byte >= 128) continue;
    for (size_t group = 0; group < varint.groups.size(); ++group) {
      for (unsigned bit = 0; bit < 7; ++bit) {
        if ((varint.groups[group] >> bit) % 2 == 0) continue;
        const size_t place = group * 7 + bit;
        if (place < 64) {
          varint.value += uint64_t{1} << place;
        } else {
          varint.over_64_bits = true;
        }
      }
    }
    rest.remove_prefix(at + 1);
    return varint;
  }
  return std::nullopt;
}

std::optional<ScanError> take_tag(Bytes& rest, Field& field) {
  const bool long_enough = rest.size() >= 5;
  const std::optional<Varint> tag = take_varint(rest, 5);
  if (!tag) return long_enough ? ScanError::kTagTooLarge : ScanError::kTagCutShort;
  field.number = tag->value / 8;
  field.type = static_cast<unsigned>(tag->value % 8);
  if (field.number > 536'870'911) return ScanError::kTagTooLarge;
  if (tag->groups.size() > 1 && tag->groups.back() == 0) return ScanError::kTagNotShortest;
  if (field.number == 0) return ScanError::kFieldNumberZero;
  if (field.type == 3 || field.type == 4) return ScanError::kGroup;
  if (field.type > 5) return ScanError::kUnknownWireType;
  return std::nullopt;
}

std::optional<ScanError> take_value(Bytes& rest, Field& field) {
  if (field.type == 0) {
    const std::optional<Varint> value = take_varint(rest, 10);
    if (!value || value->over_64_bits) return ScanError::kBadVarint;
    field.value = value->value;
    return std::nullopt;
  }
  if (field.type == 2) {
    const std::optional<Varint> length = take_varint(rest, 5);
    if (!length) return ScanError::kBadLength;
    if (length->value > rest.size()) return ScanError::kLengthPastEnd;
    field.body = rest.substr(0, length->value);
    rest.remove_prefix(length->value);
    return std::nullopt;
  }
  const size_t size = field.type == 1 ? 8 : 4;
  if (rest.size() < size) return ScanError::kFixedCutShort;
  if (size == 8) std::memcpy(&field.value, rest.data(), 8);
  rest.remove_prefix(size);
  return std::nullopt;
}

// The fields up to the first that cannot be read. A field whose tag can be read is in the list even if its value
// cannot.
std::vector<Field> read_fields(Bytes bytes, Faults& faults) {
  std::vector<Field> fields;
  while (!bytes.empty()) {
    Field field;
    std::optional<ScanError> fault = take_tag(bytes, field);
    if (!fault) {
      fault = take_value(bytes, field);
      fields.push_back(field);
    }
    if (fault) {
      faults.insert(*fault);
      break;
    }
  }
  return fields;
}

// Reads code points, as the definition of UTF-8 has it, and checks what they are.
bool is_text(Bytes text) {
  for (size_t at = 0; at < text.size();) {
    const unsigned first = static_cast<unsigned char>(text[at]);
    const size_t size = first < 0x80   ? 1
                        : first < 0xC0 ? 0
                        : first < 0xE0 ? 2
                        : first < 0xF0 ? 3
                        : first < 0xF8 ? 4
                                       : 0;
    if (size == 0 || at + size > text.size()) return false;
    uint32_t code_point = size == 1 ? first : first & (0xFFu >> (size + 1));
    for (size_t more = 1; more < size; ++more) {
      const unsigned byte = static_cast<unsigned char>(text[at + more]);
      if (byte < 0x80 || byte > 0xBF) return false;
      code_point = code_point * 64 + (byte - 0x80);
    }
    const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code_point < smallest[size] || code_point > 0x10FFFF) return false;
    if (code_point >= 0xD800 && code_point <= 0xDFFF) return false;
    at += size;
  }
  return true;
}

// What wire type each field of Message that a sender sets must have.
const std::map<uint64_t, unsigned> kSenderTypes = {{1, 2}, {2, 2},  {3, 2},  {5, 0},  {6, 0}, {8, 0},
                                                   {9, 0}, {11, 2}, {13, 1}, {15, 2}, {16, 0}};
const std::set<uint64_t> kBrokerFields = {4, 7, 10, 12, 14, 24, 25, 26, 27, 28, 29, 30, 31};

void add_header_faults(Bytes header, Faults& faults) {
  std::map<uint64_t, int> times;
  for (const Field& field : read_fields(header, faults)) {
    if (field.number > 2) continue;
    if (field.type != 2) faults.insert(ScanError::kWrongWireType);
    if (++times[field.number] > 1) faults.insert(ScanError::kRepeatedField);
    if (field.number == 1 && !is_text(field.body)) faults.insert(ScanError::kInvalidUtf8);
  }
}

// The value that the last field of this number gives, or 0.
uint64_t number_of(const std::vector<Field>& fields, uint64_t number) {
  uint64_t value = 0;
  for (const Field& field : fields) {
    if (field.number == number) value = field.value;
  }
  return value;
}

std::string describe_all(const Faults& faults) {
  std::string text;
  for (const ScanError fault : faults) text += std::string(" [") + core::describe(fault) + "]";
  return text.empty() ? " nothing" : text;
}

// The parser is laxer than the wire contract for these reasons and no others.
bool parser_may_take(const Faults& faults) {
  const Faults kOnlyOurs = {ScanError::kTagTooLarge,   ScanError::kTagNotShortest,   ScanError::kGroup,
                            ScanError::kBadVarint,     ScanError::kWrongWireType,    ScanError::kRepeatedField,
                            ScanError::kBrokerField,   ScanError::kTooManyHeaders,   ScanError::kHeadersTooLarge,
                            ScanError::kNoDestination, ScanError::kSecondDestination};
  for (const ScanError fault : faults) {
    if (kOnlyOurs.count(fault) == 0) return false;
  }
  return true;
}

std::string parsed_otherwise(const v1::Message& parsed, const core::ScannedMessage& scanned) {
  const std::string name(scanned.destination_name);
  const bool same_destination =
      (scanned.destination == core::Destination::kClient && parsed.has_client() && parsed.client() == name) ||
      (scanned.destination == core::Destination::kTopic && parsed.has_topic() && parsed.topic() == name) ||
      (scanned.destination == core::Destination::kService && parsed.has_service() && parsed.service() == name);
  if (!same_destination) return "another destination than the parser's";
  if (parsed.id() != scanned.id) return "another id than the parser's";
  if (static_cast<int32_t>(parsed.confirm()) != scanned.confirm) return "another confirm than the parser's";
  if (parsed.ttl_ms() != scanned.ttl_ms) return "another ttl_ms than the parser's";
  if (parsed.in_reply_to() != scanned.in_reply_to) return "another in_reply_to than the parser's";
  if (parsed.in_reply_to_session() != scanned.in_reply_to_session) return "another session than the parser's";
  if (!parsed.from().empty() || parsed.delivery_tag() != 0 || parsed.redelivered() || parsed.from_session() != 0 ||
      parsed.ttl_left_ms() != 0) {
    return "a broker's field got through";
  }
  return "";
}

}  // namespace

Faults message_faults(Bytes body) {
  Faults faults;
  const std::vector<Field> fields = read_fields(body, faults);
  const bool readable = faults.empty();
  std::map<uint64_t, int> times;
  size_t destinations = 0;
  size_t headers = 0;
  size_t header_bytes = 0;
  for (const Field& field : fields) {
    if (kBrokerFields.count(field.number) != 0) faults.insert(ScanError::kBrokerField);
    const auto known = kSenderTypes.find(field.number);
    if (known == kSenderTypes.end()) continue;
    if (field.type != known->second) {
      faults.insert(ScanError::kWrongWireType);
      continue;
    }
    if (field.number <= 3) {
      ++destinations;
      if (!is_text(field.body)) faults.insert(ScanError::kInvalidUtf8);
    } else if (field.number == 11) {
      ++headers;
      header_bytes += field.body.size();
      add_header_faults(field.body, faults);
    } else if (++times[field.number] > 1) {
      faults.insert(ScanError::kRepeatedField);
    }
  }
  if (destinations > 1) faults.insert(ScanError::kSecondDestination);
  if (destinations == 0 && readable) faults.insert(ScanError::kNoDestination);
  if (headers > 64) faults.insert(ScanError::kTooManyHeaders);
  if (header_bytes > 8192) faults.insert(ScanError::kHeadersTooLarge);
  return faults;
}

Faults frame_faults(Bytes frame) {
  Faults faults;
  Field field;
  std::optional<ScanError> fault = take_tag(frame, field);
  if (!fault && field.type != 2) fault = ScanError::kFrameNotLengthDelimited;
  if (!fault) fault = take_value(frame, field);
  if (!fault && !frame.empty()) fault = ScanError::kFrameSecondField;
  if (fault) faults.insert(*fault);
  return faults;
}

std::string message_disagreement(Bytes body) {
  // What the message before left there must not show.
  core::ScannedMessage scanned{"x", 1, 1, 1, 1, 1, core::Destination::kService, true};
  const ScanError error = core::scan_message(body, {}, scanned);
  const Faults faults = message_faults(body);
  if (error == ScanError::kNone && !faults.empty()) return "taken in spite of" + describe_all(faults);
  if (error != ScanError::kNone && faults.count(error) == 0) {
    return std::string("refused for ") + core::describe(error) + " and not for" + describe_all(faults);
  }

  // What name the sender is known to have used makes no difference.
  core::ScannedMessage again;
  if (core::scan_message(body, "bob", again) != error) return "another answer if bob is a known name";
  if (error == ScanError::kNone && core::scan_message(body, scanned.destination_name, again) != error) {
    return "another answer if its own destination is a known name";
  }

  const google::protobuf::LogSilencer silencer;
  v1::Message parsed;
  const bool parser_takes = parsed.ParseFromArray(body.data(), static_cast<int>(body.size()));
  if (error != ScanError::kNone) {
    if (parser_takes && !parser_may_take(faults)) return "the parser takes what has" + describe_all(faults);
    return "";
  }
  if (!parser_takes) return "the parser refuses what the scan takes";
  Faults none;
  const std::vector<Field> fields = read_fields(body, none);
  if (scanned.id != number_of(fields, 5)) return "another id than the slow check's";
  if (scanned.ttl_ms != number_of(fields, 8) % (uint64_t{1} << 32)) return "another ttl_ms than the slow check's";

  return parsed_otherwise(parsed, scanned);
}

std::string frame_disagreement(Bytes frame) {
  core::FrameField field;
  const ScanError error = core::scan_frame(frame, field);
  const Faults faults = frame_faults(frame);
  if (faults.empty() != (error == ScanError::kNone) || (error != ScanError::kNone && faults.count(error) == 0)) {
    return std::string("frame: scan says ") + core::describe(error) + ", slow check says" + describe_all(faults);
  }
  if (error != ScanError::kNone) return "";
  if (field.body.data() + field.body.size() != frame.data() + frame.size()) return "frame: the body is not at the end";

  const google::protobuf::LogSilencer silencer;
  v1::Frame parsed;
  const bool parser_takes = parsed.ParseFromArray(frame.data(), static_cast<int>(frame.size()));
  constexpr uint32_t kLastKnown = v1::Frame::kPresenceFieldNumber;
  if (parser_takes && field.number <= kLastKnown && static_cast<uint32_t>(parsed.kind_case()) != field.number) {
    return "frame: the parser sees another field";
  }
  if (!parser_takes && field.number > kLastKnown) return "frame: the parser refuses an unknown field";
  return "";
}

}  // namespace onehop::fuzz
