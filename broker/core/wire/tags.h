// The tags of fields that are written and read without protobuf. Their numbers are the constants that protoc generates
// from the schema (proto/onehop/v1/onehop.proto), so that no other source file repeats them.
#pragma once

#include <cstdint>

#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

enum WireType : uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kLengthDelimited = 2,
  kGroupBegin = 3,
  kGroupEnd = 4,
  kFixed32 = 5,
};

// A tag that fits one byte: that of a field with a number below 16.
constexpr char short_tag(int number, WireType type) {
  return static_cast<char>(static_cast<uint32_t>(number) << 3 | type);
}

inline constexpr char kFrameConnectTag = short_tag(v1::Frame::kConnectFieldNumber, kLengthDelimited);
inline constexpr char kFrameMessageTag = short_tag(v1::Frame::kMessageFieldNumber, kLengthDelimited);

// Set by the sender.
inline constexpr char kClientTag = short_tag(v1::Message::kClientFieldNumber, kLengthDelimited);
inline constexpr char kTopicTag = short_tag(v1::Message::kTopicFieldNumber, kLengthDelimited);
inline constexpr char kServiceTag = short_tag(v1::Message::kServiceFieldNumber, kLengthDelimited);
inline constexpr char kIdTag = short_tag(v1::Message::kIdFieldNumber, kVarint);
inline constexpr char kConfirmTag = short_tag(v1::Message::kConfirmFieldNumber, kVarint);
inline constexpr char kTtlTag = short_tag(v1::Message::kTtlMsFieldNumber, kVarint);
inline constexpr char kInReplyToTag = short_tag(v1::Message::kInReplyToFieldNumber, kVarint);
inline constexpr char kHeadersTag = short_tag(v1::Message::kHeadersFieldNumber, kLengthDelimited);
inline constexpr char kInReplyToSessionTag = short_tag(v1::Message::kInReplyToSessionFieldNumber, kFixed64);
inline constexpr char kPayloadTag = short_tag(v1::Message::kPayloadFieldNumber, kLengthDelimited);
// Set by the broker.
inline constexpr char kFromTag = short_tag(v1::Message::kFromFieldNumber, kLengthDelimited);
inline constexpr char kDeliveryTagTag = short_tag(v1::Message::kDeliveryTagFieldNumber, kVarint);
inline constexpr char kRedeliveredTag = short_tag(v1::Message::kRedeliveredFieldNumber, kVarint);
inline constexpr char kFromSessionTag = short_tag(v1::Message::kFromSessionFieldNumber, kFixed64);
inline constexpr char kTtlLeftTag = short_tag(v1::Message::kTtlLeftMsFieldNumber, kVarint);

// A tag of two bytes, in the order in which they are written.
inline constexpr uint16_t kSkippedTag = v1::Message::kSkippedFieldNumber << 3 | kVarint;
inline constexpr char kSkippedTagBytes[] = {static_cast<char>((kSkippedTag & 0x7F) | 0x80),
                                            static_cast<char>(kSkippedTag >> 7)};

inline constexpr char kHeaderKeyTag = short_tag(v1::Header::kKeyFieldNumber, kLengthDelimited);
inline constexpr char kHeaderValueTag = short_tag(v1::Header::kValueFieldNumber, kLengthDelimited);

}  // namespace onehop::core
