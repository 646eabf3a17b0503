// Why messages are refused, why connections end, and what becomes of messages, as the broker and its clients both say
// it. Any thread may call what is here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "onehop/export.h"

namespace onehop {

// Why a message was not taken. The numbers are those of the wire; one the library does not know keeps its number.
enum class Reason : uint8_t {
  kNone = 0,
  kUnknownClient = 1,
  kClientOffline = 2,
  kQueueFull = 3,
  kNotAuthorized = 4,
  kRateLimited = 5,
  kTooLarge = 6,
  kRefusedByRecipient = 7,
  kConnectionLost = 8,
  kStaleSession = 9,
  kBrokerBusy = 10,
  kShuttingDown = 11,
  kUnsupported = 12,
  kNobodyThere = 13,
};

// Why a connection is ended, in a goodbye. The numbers are those of the wire.
enum class Code : uint8_t {
  kNone = 0,
  kNormal = 1,
  kProtocolError = 2,
  kUnsupportedVersion = 3,
  kBadCredentials = 4,
  kNotAuthorized = 5,
  kNameInUse = 6,
  kSessionTakenOver = 7,
  kFrameTooLarge = 8,
  kKeepaliveTimeout = 9,
  kConnectTimeout = 10,
  kSlowConsumer = 11,
  kRateExceeded = 12,
  kQuotaExceeded = 13,
  kServerBusy = 14,
  kServerShuttingDown = 15,
  kUseAnotherServer = 16,
  kAdministrative = 17,
};

// The name as the wire contract writes it: "UNKNOWN_CLIENT"; "REASON_99" for a number without a name.
ONEHOP_EXPORT std::string to_string(Reason reason);
ONEHOP_EXPORT std::string to_string(Code code);
// The same, but empty for kNone: for texts that leave out what there is not.
ONEHOP_EXPORT std::string name_of(Reason reason);
ONEHOP_EXPORT std::string name_of(Code code);

// What became of a message. Each message that send() accepted has exactly one.
enum class Outcome : uint8_t {
  // With Confirm::kRefusals: the broker admitted it for the recipient. What happens to it from there on is not told.
  kAdmitted,
  // The recipient's program acknowledged it.
  kDelivered,
  // It was refused. The client library repeats what waiting cures before it says so; a local client does not, so there
  // trying again may help. With kRefusedByRecipient the recipient's program has seen it; otherwise nothing of it
  // reached the recipient.
  kRejected,
  // Its ttl ran out before the recipient acknowledged it.
  kExpired,
  // The broker had taken it, and the recipient's session ended before it was acknowledged.
  kLost,
  // The session ended before the broker told what became of it, or before it was known whether the broker had taken it:
  // the broker was replaced, or the client was away for too long. It may have arrived.
  kUnknown,
  // The client ended before the broker had taken it. Nothing of it reached the recipient.
  kNotSent,
  // To a topic, with Confirm::kDelivered: some of its subscribers acknowledged it, and some did not.
  kPartial,
  // A request (SendOptions::wants_reply): the recipient has replied, and the broker has the reply for the sender.
  kReplied,
  // A request: the recipient acknowledged it, and its session ended before it replied.
  kResponderLost,
};
// "DELIVERED".
ONEHOP_EXPORT std::string_view to_string(Outcome outcome);

}  // namespace onehop
