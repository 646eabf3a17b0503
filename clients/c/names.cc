// The names of what the C API counts in numbers, as docs/wire.md writes them.
#include "onehop.h"

namespace {

// Numbers come from a broker that may be newer, and from programs that may be wrong.
template <typename Enum, size_t kCount>
const char* name_of(const char* const (&names)[kCount], Enum number) {
  const auto index = static_cast<size_t>(static_cast<unsigned>(number));
  return index < kCount ? names[index] : "?";
}

}  // namespace

const char* onehop_send_status_name(onehop_send_status status) {
  static constexpr const char* kNames[] = {"ACCEPTED", "WOULD_BLOCK",    "TOO_LARGE", "INVALID",
                                           "CLOSED",   "WOULD_DEADLOCK", "FORKED"};
  return name_of(kNames, status);
}

const char* onehop_wait_status_name(onehop_wait_status status) {
  static constexpr const char* kNames[] = {"DONE", "TIME_UP", "ENDED", "WOULD_DEADLOCK", "FORKED"};
  return name_of(kNames, status);
}

const char* onehop_outcome_name(onehop_outcome outcome) {
  static constexpr const char* kNames[] = {"ADMITTED", "DELIVERED", "REJECTED", "EXPIRED", "LOST",
                                           "UNKNOWN",  "NOT_SENT",  "PARTIAL",  "REPLIED", "RESPONDER_LOST"};
  return name_of(kNames, outcome);
}

const char* onehop_reason_name(onehop_reason reason) {
  static constexpr const char* kNames[] = {
      "NONE",         "UNKNOWN_CLIENT", "CLIENT_OFFLINE",       "QUEUE_FULL",      "NOT_AUTHORIZED",
      "RATE_LIMITED", "TOO_LARGE",      "REFUSED_BY_RECIPIENT", "CONNECTION_LOST", "STALE_SESSION",
      "BROKER_BUSY",  "SHUTTING_DOWN",  "UNSUPPORTED",          "NOBODY_THERE"};
  return name_of(kNames, reason);
}

const char* onehop_cause_name(onehop_cause cause) {
  static constexpr const char* kNames[] = {"CLOSED",  "CONNECT_FAILED", "GOODBYE",        "CONNECTION_LOST",
                                           "SILENCE", "BAD_BYTES",      "WOULD_DEADLOCK", "FORKED"};
  return name_of(kNames, cause);
}

const char* onehop_code_name(onehop_code code) {
  static constexpr const char* kNames[] = {"NONE",
                                           "NORMAL",
                                           "PROTOCOL_ERROR",
                                           "UNSUPPORTED_VERSION",
                                           "BAD_CREDENTIALS",
                                           "NOT_AUTHORIZED",
                                           "NAME_IN_USE",
                                           "SESSION_TAKEN_OVER",
                                           "FRAME_TOO_LARGE",
                                           "KEEPALIVE_TIMEOUT",
                                           "CONNECT_TIMEOUT",
                                           "SLOW_CONSUMER",
                                           "RATE_EXCEEDED",
                                           "QUOTA_EXCEEDED",
                                           "SERVER_BUSY",
                                           "SERVER_SHUTTING_DOWN",
                                           "USE_ANOTHER_SERVER",
                                           "ADMINISTRATIVE"};
  return name_of(kNames, code);
}
