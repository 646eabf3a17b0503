// What the oracle writes down: a record for each message, connection and name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/ids.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::sim {

inline constexpr uint32_t kNone = UINT32_MAX;
inline constexpr uint64_t kNever = UINT64_MAX;

enum class Fate : uint8_t { kOpen, kDelivered, kRefused };

// One message as its sender sent it, once. What is repeated after a refusal is another message with the same `logical`.
struct SentMessage {
  uint64_t id = 0;
  uint64_t in_reply_to_session = 0;
  uint64_t sent_at = 0;
  uint64_t body_hash = 0;
  uint32_t body_bytes = 0;
  uint32_t frame_bytes = 0;
  uint32_t connection = 0;    // The sender's.
  uint32_t position = 0;      // In what that connection sent, from 0.
  uint32_t to = kNone;        // A name; kNone for a topic or service.
  uint32_t logical = 0;       // In the stream of ordered messages to that name, from 1; 0: not part of it.
  uint32_t receiver = kNone;  // The connection it was delivered to.
  bool unsupported = false;
  Fate fate = Fate::kOpen;
  v1::Reason reason = v1::REASON_UNSPECIFIED;
};

// A stretch of what one connection sends to one name: it ends where the sender opens the gate.
struct Stretch {
  uint32_t from_position = 0;
  uint32_t refused_position = kNone;  // The first QUEUE_FULL with an id.
};

// From one connection to one name.
struct Stream {
  uint32_t name = kNone;
  uint64_t first_sent_at = 0;
  uint32_t largest_frame_bytes = 0;
  std::vector<Stretch> stretches{Stretch{}};
  uint32_t pauses = 0;  // Told, less the RESUMEs.
  // The last PAUSE told, if no RESUME came after it.
  bool paused = false;
  bool pause_was_unblocked = false;
  uint64_t pause_written_us = 0;
  uint32_t pause_lease_ms = 0;
  uint32_t pause_owner = kNone;
};

struct IdEntry {
  uint64_t id;
  uint32_t record;
};

// How far one sender's messages have come in, at one recipient.
struct Arrived {
  uint32_t sender;
  uint32_t position;
};

struct Ping {
  uint64_t at;
  uint64_t at_us;
  uint32_t messages;  // Sent before it.
};

struct Connection {
  uint32_t number = 0;
  uint32_t client = 0;

  // The Connect.
  uint32_t wanted_name = kNone;  // kNone: the broker is to make one.
  bool wants_made_name_back = false;
  bool take_over = false;
  bool wants_order = false;
  uint32_t wanted_frame_bytes = 0;
  uint32_t wanted_keepalive_ms = 0;
  uint32_t connect_bytes = 0;
  uint64_t connect_at = kNever;  // When its last byte left the client.
  uint64_t begun_us = 0;
  bool asked = false;
  bool admitted = false;  // By the authentication.
  bool turned_down = false;

  // The session.
  uint64_t session = 0;
  uint32_t name = kNone;
  uint64_t opened_at = kNever;
  uint64_t opened_us = 0;
  uint64_t ended_at = kNever;
  bool taken_over = false;
  bool connected_seen = false;
  bool ordered = false;
  uint32_t connected_position = 0;  // Messages sent before Connected was read.
  uint32_t frame_bytes_max = 0;     // That it takes, of senders' frames.
  uint32_t keepalive_ms = 0;

  // What it sent.
  std::vector<uint32_t> messages;
  std::vector<IdEntry> ids;
  std::vector<Stream> streams;
  std::vector<Ping> pings;
  uint32_t pongs = 0;             // Pings answered: the latest answered, from 1.
  uint32_t settled_messages = 0;  // Sent before that ping.
  uint64_t settled_at = 0;        // When its pong was read.

  // What it received.
  std::vector<Arrived> arrived;
  bool goodbye_seen = false;
  v1::Code goodbye_code = v1::CODE_UNSPECIFIED;

  // What else happened to it.
  uint32_t deserved_codes = 0;  // A bit for each goodbye that its misdeeds allow.
  bool said_goodbye = false;
  bool half_closed = false;
  bool cut = false;                            // By the network or by itself: bytes may be missing either way.
  uint64_t last_given_us = 0;                  // When the broker last read of it.
  uint64_t last_taken_us = 0;                  // When its socket last took bytes.
  uint64_t reading_since_us = 0;               // Since when the broker wants to read of it.
  v1::Code ended_code = v1::CODE_UNSPECIFIED;  // With which the broker ended it.
  uint64_t ending_since_us = kNever;           // Since when it is being closed.

  bool deserves(v1::Code code) const { return (deserved_codes >> code & 1) != 0; }
  void deserve(v1::Code code) { deserved_codes |= 1u << code; }
};

struct Name {
  std::string text;
  uint32_t owner = kNone;   // A connection.
  uint64_t unowned_at = 0;  // The last step at which nobody owned it; while nobody does, now.
  bool taken = false;       // Between an elder's end and the newcomer's beginning, within one call.
  core::ShardIndex home = 0;
  bool home_known = false;
  std::vector<uint32_t> owners;  // Connections, in order.
  std::vector<uint64_t> takeovers_us;
};

}  // namespace onehop::sim
