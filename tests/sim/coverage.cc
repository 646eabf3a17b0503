// Coverage: see the header.
#include "sim/coverage.h"

namespace onehop::sim {
namespace {

// In the order of Provoked.
constexpr const char* kNames[] = {
    "message sent",
    "message delivered",
    "message to oneself",
    "message without id",
    "PAUSE",
    "PAUSE ignored",
    "RESUME",
    "QUEUE_FULL",
    "QUEUE_FULL behind a gate",
    "gate opened",
    "repeated in order",
    "SERVER_BUSY: sessions",
    "made place for a newcomer",
    "KEEPALIVE_TIMEOUT: its name was asked for",
    "ended for what those away hold",
    "UNKNOWN_CLIENT",
    "TOO_LARGE",
    "BROKER_BUSY",
    "UNSUPPORTED",
    "STALE_SESSION",
    "takeover",
    "takeover damped",
    "NAME_IN_USE",
    "made name",
    "SLOW_CONSUMER",
    "KEEPALIVE_TIMEOUT",
    "CONNECT_TIMEOUT",
    "frame not finished",
    "pong",
    "ping of the broker",
    "all credit in use",
    "reading stopped",
    "hand-over",
    "hand-over with pipelined bytes",
    "accepted late",
    "refused late",
    "refused at once",
    "answer after the end",
    "frame to the broker cut",
    "frame to the client cut",
    "reset",
    "half-close",
    "half-close answered",
    "vanished",
    "closed at once",
    "goodbye",
    "goodbye with another code",
    "PROTOCOL_ERROR",
    "FRAME_TOO_LARGE",
    "garbage",
    "SERVER_SHUTTING_DOWN",
    "partial write",
    "read of one byte",
    "lost with the recipient",
    "message to be confirmed",
    "outcome",
    "DELIVERED",
    "refused by its recipient",
    "EXPIRED, attempted",
    "EXPIRED, not attempted",
    "LOST, attempted",
    "LOST, not attempted",
    "redelivered",
    "repeated after a resume",
    "receipts repeated",
    "receive window full",
    "send window full",
    "QUOTA_EXCEEDED",
    "SLOW_CONSUMER: settles nothing",
    "ack for another session",
    "session detached",
    "session resumed",
    "resumed with an elder connected",
    "resumed by another program",
    "attempt too low",
    "wrong token",
    "token of an ended session",
    "session expired",
    "takeover of a session away",
    "confirmed message behind a gate",
    "drain announced",
    "drain answered",
    "RATE_LIMITED",
    "SERVER_BUSY: memory",
    "ended for want of memory",
    "connection of age",
};
static_assert(sizeof kNames / sizeof kNames[0] == kProvoked);

}  // namespace

void Coverage::add(const Coverage& other) {
  for (size_t i = 0; i < kProvoked; ++i) counts_[i] += other.counts_[i];
}

const char* name_of(Provoked what) {
  return kNames[static_cast<size_t>(what)];
}

}  // namespace onehop::sim
