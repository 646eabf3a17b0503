// What the oracle writes down: a record for each message, session, connection, program and name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::sim {

inline constexpr uint32_t kNone = UINT32_MAX;
inline constexpr uint64_t kNever = UINT64_MAX;
inline constexpr uint64_t kUsPerMs = 1000;
// A deadline is kept by a coarse wheel and a loop that may wake late.
inline constexpr uint64_t kLateUs = 200 * kUsPerMs;
// Deadlines are kept by a coarse wheel and a loop that may wake late; they may come late, never early.
inline constexpr uint64_t kEarlySlackUs = 2 * kUsPerMs;
inline constexpr uint64_t kLateSlackUs = 150 * kUsPerMs;
// What the broker may put in front of a sender's frame.
inline constexpr uint32_t kStampBytesMax = 512;
// What a shard keeps beside a message's bytes.
inline constexpr uint64_t kEntryBytesMax = 512;

// What is known of a message: nothing, that its recipient read it, or that it was refused at admission.
enum class Fate : uint8_t { kOpen, kDelivered, kRefused };

// One message as its sender sent it. What is repeated after a resume, with its id, is the same message; what is
// repeated after a refusal is another one with the same `logical`.
struct SentMessage {
  uint64_t id = 0;
  uint64_t in_reply_to_session = 0;
  uint64_t sent_at = 0;
  uint64_t sent_us = 0;
  uint64_t admitted_us = kNever;  // It was admitted then, or before.
  uint64_t read_us = kNever;      // First, by its recipient.
  uint64_t body_hash = 0;
  uint32_t body_bytes = 0;
  uint32_t frame_bytes = 0;
  uint32_t sender = 0;          // A session.
  uint32_t connection = 0;      // On which it was sent last.
  uint32_t position = 0;        // In what that session sent, from 0.
  uint32_t to = kNone;          // A name; kNone for a topic or service.
  uint32_t topic = kNone;       // One of TopicOracle::topics().
  uint32_t service = kNone;     // One of ServiceOracle::services().
  uint32_t replies_to = kNone;  // A record: the request whose reply it may be.
  uint32_t logical = 0;         // In the stream of ordered messages to that name, from 1; 0: not part of it.
  uint32_t receiver = kNone;    // The session it was delivered to.
  uint32_t ttl_ms = 0;          // In force.
  uint64_t tag = 0;             // As it was delivered.
  bool confirmed = false;
  bool unsupported = false;
  bool retries = false;      // To a service: another instance may get it as well.
  bool is_request = false;   // Its outcome is the reply.
  bool waits = false;        // Surely admitted, and counted in its recipient's session until it is read.
  bool behind_gate = false;  // Refused as full, which only a closed gate can explain.
  bool settled = false;      // A pong has promised that every refusal has been told.
  bool unprocessed = false;  // Connected.last_id said so, and it was not sent again.
  Fate fate = Fate::kOpen;
  v1::Reason reason = v1::REASON_UNSPECIFIED;
  v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;  // Told to its sender, if it was to be confirmed.
  uint64_t told_at = kNever;
  uint64_t told_us = kNever;
};

// A stretch of what one session sends to one name: it ends where the sender opens the gate.
struct Stretch {
  uint32_t from_position = 0;
  uint32_t refused_position = kNone;  // The first QUEUE_FULL with an id.
  bool may_not_be_open = false;       // The opening may have been lost with the connection.
};

// From one session to one name.
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
  uint32_t sender;  // A session.
  uint32_t position;
};

struct Ping {
  uint64_t at;
  uint64_t at_us;
  uint32_t messages;  // Of the session, sent before it.
};

// What a recipient said of a delivery.
struct Verdict {
  uint32_t connection = 0;  // On which it was said first there.
  bool taken = false;
  uint64_t at_us = 0;
  uint64_t known_us = kNever;  // By then the broker had it, for sure.
  uint32_t code = 0;
  uint32_t retry_after_ms = 0;
  uint64_t text_hash = 0;
};

// A delivery that wants a verdict.
struct Delivery {
  uint64_t tag;
  uint32_t record;
  std::vector<Verdict> verdicts;  // The first on each connection that said one.
};

// A session that got a message, and the tag that it had there.
struct Copy {
  uint32_t session;
  uint64_t tag;
};

// A frame of numbered receipts, as it was first read.
struct ToldReceipts {
  uint64_t hash;
  uint32_t outcomes;
};

// A program that receives, from its start to its end; it may use several connections of one session.
struct Program {
  struct Open {
    uint64_t tag;
    uint32_t bytes;
  };
  std::vector<Arrived> arrived;
  std::vector<Open> open;  // Received and not settled, by tag.
  uint64_t received_up_to = 0;
};

// What becomes of a renewal: the answer that its client is to be told.
struct Renewal {
  v1::Reason reason = v1::REASON_UNSPECIFIED;
  uint32_t hold_ms = 0;  // If it is good; 0: the credentials do not end.
};

// What the policy says of a name.
enum class Stays : uint8_t { kYes, kNo, kUnsure };

struct Session {
  uint32_t index = 0;
  uint64_t number = 0;  // 0: it never opened.
  uint32_t name = kNone;
  uint64_t opened_at = kNever;
  uint64_t opened_us = 0;
  uint64_t ended_at = kNever;
  uint64_t ended_us = kNever;
  bool taken_over = false;
  bool ended_for_memory = false;

  // Its connections, in order; and the one it has, kNone while it is away.
  std::vector<uint32_t> connections;
  uint32_t connection = kNone;
  uint64_t left_at = 0;  // When it was attached last; now, while it is.
  uint64_t away_since_us = kNever;
  uint64_t was_away_since_us = kNever;  // Before its latest connection, if it was.
  uint64_t long_away_at = 0;            // When it came back last after so long that instances are not waited for.
  uint32_t expiry_ms = 0;
  uint32_t attempt = 0;
  uint64_t resumed_us = kNever;

  // When the host was asked to let its latest connection in, and whether it may stay.
  uint64_t admitted_at = 0;
  uint64_t stay_asked_at = 0;
  bool revoked = false;

  // What its first Connect asked for.
  bool wants_order = false;
  bool may_renew = false;
  bool uses_topics = false;
  bool uses_replies = false;
  bool uses_presence = false;
  uint32_t wanted_frame_bytes = 0;
  uint32_t receive_window = 0;
  uint32_t connected_position = 0;  // Messages sent before Connected was read.

  // What it sent.
  std::vector<uint32_t> messages;
  std::vector<IdEntry> ids;
  std::vector<Stream> streams;
  uint32_t confirmed = 0;   // Messages that are to have an outcome, or have it.
  uint32_t outcomes = 0;    // Told.
  uint64_t open_bytes = 0;  // Of the frames of the others.
  uint64_t passed = 0;      // Surely within its rate; and the sum of their frames.
  uint64_t passed_bytes = 0;
  uint64_t settled_at = 0;             // When the last pong was read.
  std::vector<ToldReceipts> receipts;  // By seq, from 1.
  uint64_t acked_at_least = 0;         // Receipts that the broker knows to be acknowledged, or will before more comes.
  uint64_t acked_at_most = 0;
  uint64_t acked_outcomes = 0;  // Of the receipts up to acked_at_least.

  // What it received.
  std::vector<Delivery> deliveries;  // By tag.
  uint64_t waiting_bytes = 0;        // Of unconfirmed messages that were surely queued and not read.
  bool lazy = false;                 // It did not settle at once, or did not read.
};

struct Connection {
  // A verdict that was said after so many pings.
  struct Said {
    uint64_t tag;
    uint64_t pings;
  };

  uint32_t number = 0;
  uint32_t client = 0;
  uint32_t session = 0;  // The one it opened or resumed; until then one that may open.
  uint32_t program = 0;

  // The Connect.
  uint32_t wanted_name = kNone;  // kNone: the broker is to make one.
  bool wants_made_name_back = false;
  bool take_over = false;
  bool wants_order = false;
  uint32_t wanted_frame_bytes = 0;
  uint32_t wanted_keepalive_ms = 0;
  uint32_t wanted_expiry_ms = 0;
  uint32_t wanted_window = 0;
  uint32_t connect_bytes = 0;
  uint64_t connect_at = kNever;  // When its last byte left the client.
  uint64_t begun_us = 0;
  bool asked = false;
  bool admitted = false;  // By the authentication.
  bool turned_down = false;
  uint64_t asked_at = 0;

  // Its credentials.
  bool wants_renewal = false;
  bool wants_topics = false;
  bool wants_replies = false;
  bool wants_presence = false;
  uint32_t hold_ms = 0;                  // As its Connect was answered; 0: they do not end.
  uint64_t credentials_end_us = kNever;  // As it is now.
  std::vector<Renewal> renewals;         // As sent; and how far these are asked about, answered, told.
  uint32_t renewals_asked = 0;
  uint32_t renewals_answered = 0;
  uint32_t renewals_told = 0;
  bool policy_unsure = false;  // The host could not say whether it may stay.

  // What it wants to resume.
  uint32_t token_of = kNone;  // A session, whose token it shows unharmed.
  uint32_t attempt = 0;
  uint64_t receipts_up_to = 0;

  // Its session.
  bool open = false;
  bool resumed = false;
  uint64_t opened_at = kNever;  // When the session opened on it, or was resumed.
  uint64_t opened_us = 0;
  bool displaced = false;  // By a connection that resumed its session.
  bool connected_seen = false;
  bool ordered = false;
  uint32_t keepalive_ms = 0;
  uint64_t last_tag = 0;
  uint64_t settled_up_to = 0;  // The highest Ack.up_to it said.
  uint64_t last_seq = 0;       // Of receipts.
  std::vector<Said> said;      // Of which no pong has shown yet that the broker has it.

  std::vector<Ping> pings;
  uint32_t pongs = 0;      // Pings answered: the latest answered, from 1.
  bool announced = false;  // It was told that the broker is going down, and may stay a while.
  bool goodbye_seen = false;
  v1::Code goodbye_code = v1::CODE_UNSPECIFIED;

  // What else happened to it.
  uint32_t deserved_codes = 0;    // A bit for each goodbye that its misdeeds allow.
  uint64_t misdeed_end = kNever;  // Where the misdeed ends for which the broker has to end it.
  bool said_goodbye = false;
  bool said_for_good = false;
  bool half_closed = false;
  bool cut = false;                            // By the network or by itself: bytes may be missing either way.
  uint64_t sent_bytes = 0;                     // By the client, in all.
  uint64_t read_bytes = 0;                     // Of them, by the broker.
  uint64_t verdict_end = 0;                    // Where its last verdict ends.
  uint64_t verdict_us = 0;                     // When it said the last that settled something.
  uint64_t heard_us = 0;                       // When the broker had read its last verdict.
  uint64_t last_tag_us = 0;                    // When it read the last delivery to settle.
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
  // Confirmed messages sent to it, less those that surely keep no place in its window; and the sum of their frames.
  uint32_t open_messages = 0;
  uint64_t open_bytes = 0;
  uint32_t owner = kNone;   // A session.
  uint64_t unowned_at = 0;  // The last step at which nobody owned it; while nobody does, now.
  uint32_t taken = kNone;   // Between an elder's end and the newcomer's beginning, within one call: the elder.
  core::ShardIndex home = 0;
  bool home_known = false;
  std::vector<uint32_t> owners;  // Sessions, in order.
  std::vector<uint64_t> takeovers_us;
  std::vector<uint64_t> refused_us;  // When NAME_IN_USE was the answer to who asked for it.
};

}  // namespace onehop::sim
