// Reads from a message what the broker needs to route it, without parsing it.
//
// The scan takes a strict subset of what protobuf's parsers take, so that no recipient's parser, in any language, fails
// on or misreads what a sender wrote; for the same reason the broker may put its own fields before the sender's bytes.
// The grammar of what it takes, where `number` is the field number and LEN a length of at most 5 bytes:
//
//   frame    = tag(number, 2) LEN bytes                          exactly one, and it fills the frame
//   message  = field*                                            exactly one of the fields 1, 2 and 3
//   field    = 1 client, 2 topic, 3 service                      LEN UTF-8
//            | 5 id, 6 confirm, 8 ttl_ms, 9 in_reply_to, 16 maybe_repeated         varint
//            | 13 in_reply_to_session                            8 bytes
//            | 15 payload                                        LEN bytes
//            | 11 headers                                        LEN header
//            | 17 retry_attempted, 18 wants_reply                varint; any other type, and more than one, too
//            | 17 to 23, 32 and above                            varint, 4 bytes, 8 bytes or LEN bytes; never a group
//   header   = (1 key LEN UTF-8 | 2 value LEN bytes | any other number, as above)*
//
// Each of the named fields comes at most once, but headers: at most 64, whose bodies (what LEN counts, without the
// headers' own tags and lengths) together have at most 8 KiB. A tag is written in its shortest form. A varint has at
// most 10 bytes and 64 bits: some parsers refuse a tenth byte above 1. It is cut to the field's type, as protobuf does.
// Fields 4, 7, 10, 12, 14 and 24 to 31 are the broker's, and an error from a sender.
#pragma once

#include "core/base/bytes.h"

namespace onehop::core {

inline constexpr size_t kHeadersMax = 64;
inline constexpr size_t kHeaderBytesMax = 8192;

enum class ScanError : uint8_t {
  kNone,
  kTagCutShort,
  kTagTooLarge,
  kTagNotShortest,
  kFieldNumberZero,
  kGroup,
  kUnknownWireType,
  kBadVarint,
  kFixedCutShort,
  kBadLength,
  kLengthPastEnd,
  kWrongWireType,
  kRepeatedField,
  kBrokerField,
  kInvalidUtf8,
  kTooManyHeaders,
  kHeadersTooLarge,
  kNoDestination,
  kSecondDestination,
  kFrameNotLengthDelimited,
  kFrameSecondField,
};

// What is wrong, for the text of a goodbye.
const char* describe(ScanError error);

enum class Destination : uint8_t { kClient, kTopic, kService };

// What is special about a message: what its sender wrote, and what the broker has found out since.
enum MessageFlag : uint8_t {
  kWantsReply = 1 << 0,      // As sent.
  kRetryAttempted = 1 << 1,  // As sent.
  kRequest = 1 << 2,         // Its outcome is the reply. Its sender's shard has a record of it.
  kToService = 1 << 3,       // One of the service's instances gets it.
  kMoved = 1 << 4,           // It has been admitted for another instance before.
  kAttempted = 1 << 5,       // And written to it.
  kAnswers = 1 << 6,         // Its sender's session owes its recipient this reply.
};

// What the broker wants to know of a message. Absent numbers are 0.
struct ScannedMessage {
  // Lies in the scanned bytes. UTF-8, but not necessarily a name that anybody may have.
  Bytes destination_name;
  uint64_t id = 0;
  uint64_t in_reply_to = 0;
  uint64_t in_reply_to_session = 0;
  uint32_t ttl_ms = 0;
  // As sent: values that Confirm does not have pass the scan.
  int32_t confirm = 0;
  Destination destination = Destination::kClient;
  bool has_known_name = false;  // The destination is the name that was given as known and good.
  // It is more than a message to a client: to a topic or a service, with a flag, or in reply to a session's message.
  bool is_special = false;
  uint8_t flags = 0;  // MessageFlags.
};

// What ScannedMessage::is_special has to be.
inline bool is_special(const ScannedMessage& message) {
  return message.destination != Destination::kClient || message.flags != 0 || message.in_reply_to_session != 0;
}

// Scans the body of a message, which is the body of field 3 of a frame. `out` is complete only if the answer is kNone.
// `known_good_name` is UTF-8 for sure (the sender's last destination, or nothing): that destination is not checked
// again.
[[nodiscard]] ScanError scan_message(Bytes body, Bytes known_good_name, ScannedMessage& out);

// The one field of a frame.
struct FrameField {
  uint32_t number = 0;
  Bytes body;
};

[[nodiscard]] ScanError scan_any_frame(Bytes frame, FrameField& out);

// Takes a frame (without its length prefix) apart. Whether the field number means anything is the caller's question.
[[nodiscard]] inline ScanError scan_frame(Bytes frame, FrameField& out) {
  // What most frames are: a tag of one byte and a body that fills the rest.
  constexpr uint32_t kLengthDelimited = 2;
  const auto tag = frame.empty() ? uint8_t{0} : static_cast<uint8_t>(frame[0]);
  if (tag < 0x80 && tag >> 3 != 0 && (tag & 7) == kLengthDelimited) {
    const char* const end = frame.data() + frame.size();
    uint64_t size;
    const char* body = read_varint(frame.data() + 1, end, 2, size);
    if (body != nullptr && size == static_cast<uint64_t>(end - body)) {
      out = {static_cast<uint32_t>(tag >> 3), Bytes(body, size)};
      return ScanError::kNone;
    }
  }
  return scan_any_frame(frame, out);
}

}  // namespace onehop::core
