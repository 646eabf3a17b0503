// What can be known of a running broker: its counters, its clients, who has left and why.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onehop/codes.h"

namespace onehop {

// Whether everything that was asked for an answer has given its part.
enum class Answered : uint8_t {
  kFully,
  // A shard was busy for longer than a second. Its part is missing.
  kPartly,
  // The caller was a handler of the broker (BrokerOptions::on_event and others), which runs inside a shard and may not
  // wait for the shards. Nothing was asked. Ask again from a thread of your own.
  kNotFromHandler,
  kForked,  // The caller is a forked child, in which the broker does not run.
};

// How many messages had this outcome. kRejected counts refusals at admission and by recipients; kDelivered counts
// acknowledged ones. Unconfirmed messages that were admitted have no outcome, and are among messages_admitted only.
struct OutcomeCount {
  Outcome outcome = Outcome::kDelivered;
  Reason reason = Reason::kNone;
  uint64_t count = 0;
};

// What has ended.
enum class EndKind : uint8_t {
  kConnect,     // A connect was refused.
  kConnection,  // The broker ended a connection that had a session.
  kSession,     // A session ended.
};
// "connect".
constexpr std::string_view to_string(EndKind kind) {
  switch (kind) {
    case EndKind::kConnect:
      return "connect";
    case EndKind::kConnection:
      return "connection";
    case EndKind::kSession:
      return "session";
  }
  return "";
}

// How many ends of this kind had this code in their goodbye. kNone: the peer went away without a goodbye, or got none.
struct EndCount {
  EndKind kind = EndKind::kConnect;
  Code code = Code::kNone;
  uint64_t count = 0;
};

// How long a sample of messages took within the broker: from the read that brought them to the write that sent them on.
struct RouteLatency {
  // Upper bounds of the buckets, in microseconds; one more bucket is for all above.
  static constexpr std::array<uint32_t, 12> kBoundsUs{10,    25,    50,     100,    250,     500,
                                                      1'000, 2'500, 10'000, 50'000, 250'000, 1'000'000};
  std::array<uint64_t, kBoundsUs.size() + 1> counts{};
  uint64_t sum_us = 0;
};

// One shard.
struct ShardState {
  uint64_t connections = 0;
  uint64_t sessions = 0;
  uint64_t queued_bytes = 0;
  // The longest time that its loop was busy without looking for events, in microseconds, in the last 30 to 60 s. A
  // stretch that still lasts counts, so a shard that hangs shows it while it hangs.
  uint64_t loop_lag_us_max = 0;
};

// What the shards have counted, all together. For a shard that does not answer within a second it is what that shard
// had counted when it last answered; only the lag of its loop is up to date.
struct BrokerCounters {
  uint64_t connections = 0;        // Now.
  uint64_t connections_limit = 0;  // How many there may be: connections_max, or what the descriptors allow.
  uint64_t sessions = 0;           // Now.
  uint64_t sessions_opened = 0;
  uint64_t connects_refused = 0;
  uint64_t connects_refused_full = 0;  // Among them: there was no room for one more session.
  uint64_t sessions_evicted = 0;       // Away and holding nothing, they made place for newcomers.
  uint64_t takeovers = 0;
  uint64_t hand_overs = 0;  // Connections that were accepted by another shard than their name's.
  uint64_t messages_received = 0;
  uint64_t messages_admitted = 0;      // Queued for a connection, or for a session that waits.
  uint64_t messages_redelivered = 0;   // Once more, on a resumed session.
  uint64_t messages_dropped = 0;       // Unconfirmed ones: queued, and lost with the connection.
  uint64_t messages_acknowledged = 0;  // Confirmed ones: DELIVERED. The next three are the other outcomes.
  uint64_t messages_refused_by_recipient = 0;
  uint64_t messages_expired = 0;
  uint64_t messages_lost = 0;
  uint64_t sessions_resumed = 0;
  uint64_t messages_refused = 0;
  uint64_t pauses_told = 0;
  uint64_t resumes_told = 0;
  uint64_t gates_closed = 0;
  uint64_t reading_stopped = 0;
  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;
  uint64_t queued_bytes = 0;           // Now.
  uint64_t open_bytes = 0;             // Now: delivered and not acknowledged.
  uint64_t paused_senders = 0;         // Now: told to pause, by one client or another.
  uint64_t address_refusals = 0;       // Connections and sessions over a limit of their source address.
  uint64_t tls_handshakes = 0;         // Begun, in full or resumed.
  uint64_t tls_handshakes_failed = 0;  // Broken, too late, or nothing of TLS at all.
  uint64_t proxy_refusals = 0;         // Connections without the PROXY header they need, or not allowed to bring one.
  uint64_t memory_bytes = 0;           // Now: what counts against memory_bytes_max.
  uint64_t memory_bytes_max = 0;
  uint64_t transport_bytes = 0;  // Now: what transports hold, part of memory_bytes. Plain connections have none.
  // Exceptions that handlers of the embedder have thrown: see BrokerOptions::on_exception.
  uint64_t handler_exceptions = 0;
  unsigned memory_stage = 0;         // 0; 1: refusing; 2: ending clients.
  uint64_t memory_ended = 0;         // Clients ended in the second stage.
  uint64_t credentials_expired = 0;  // Connections that ended with their credentials.
  uint64_t renewals_accepted = 0;    // Renewals of credentials. The next two are those that changed nothing.
  uint64_t renewals_refused = 0;
  uint64_t renewals_undecided = 0;     // There was no answer, or none in time.
  uint64_t sessions_revoked = 0;       // Ended because Hooks::still_allowed, or authorize of a subscription, said no.
  uint64_t topic_messages = 0;         // Sent to a topic that somebody had subscribed to.
  uint64_t topic_copies = 0;           // Those of messages_admitted that came of a topic, one for each subscriber.
  uint64_t topic_skips = 0;            // Messages of topics that a subscriber missed because it had no room.
  std::vector<OutcomeCount> outcomes;  // Those that can occur, each of them, also with a count of 0.
  std::vector<EndCount> ends;          // Each kind with each code.
  RouteLatency route_latency;
  std::vector<ShardState> shards;
};

// How the clients of a page are sorted.
enum class ClientOrder : uint8_t {
  kName,
  kQueueBytes,   // The largest first, as in the orders below.
  kSendRate,     // Messages a second that the client sends.
  kReceiveRate,  // Messages a second that are delivered to it.
  kIdle,
};

// Which clients to return.
struct ClientQuery {
  std::string name_part;  // Only clients whose names contain this; empty: all.
  ClientOrder order = ClientOrder::kName;
  size_t offset = 0;
  size_t limit = 100;  // At most 1,000.
};

// One client, connected or away.
struct ClientInfo {
  std::string name;
  uint64_t session = 0;
  unsigned shard = 0;
  bool connected = false;          // If not, the session waits to be resumed.
  std::string peer;                // The client's own address, also behind a PROXY header; empty while away.
  uint64_t connected_ms = 0;       // How long this connection has had the session, to 100 ms; while away 0.
  uint64_t idle_ms = 0;            // Since something was heard of it; while away, since it left.
  uint64_t queue_bytes = 0;        // What its socket has not taken yet, and what waits behind it.
  uint64_t waiting_messages = 0;   // In the backlog: for room in its socket or window, or for its return.
  uint64_t unacknowledged = 0;     // Delivered to it and not settled.
  uint32_t receive_window = 0;     // How many of those there may be.
  uint64_t open_sent = 0;          // Its own confirmed messages without an outcome.
  uint64_t messages_sent = 0;      // By it, since its session began.
  uint64_t messages_received = 0;  // Delivered to it, since then.
  // Rates since they were last asked for. If that was less than a second ago, they are those of that time; if it was
  // more than a minute ago, or never, they are 0.
  double sent_per_second = 0;
  double received_per_second = 0;
  uint32_t paused_senders = 0;  // Senders that were told to pause because of its queue.
  uint32_t closed_gates = 0;    // Senders that are refused until they have taken note of a refusal.
  bool blocked = false;         // Its socket takes nothing at the moment.
};

// What Broker::clients() returns.
struct ClientPage {
  std::vector<ClientInfo> clients;
  size_t found = 0;  // How many match, on this page or not.
  Answered answered = Answered::kFully;
};

// What has ended, and how.
enum class EndHow : uint8_t { kSessionEnded, kSessionTakenOver, kSessionDetached, kConnectRefused };
// "session_ended".
constexpr std::string_view to_string(EndHow how) {
  switch (how) {
    case EndHow::kSessionEnded:
      return "session_ended";
    case EndHow::kSessionTakenOver:
      return "session_taken_over";
    case EndHow::kSessionDetached:
      return "session_detached";
    case EndHow::kConnectRefused:
      return "connect_refused";
  }
  return "";
}

// The end of a client's session or connection, or of a connection that never had one.
struct RecentEnd {
  uint64_t unix_ms = 0;
  EndHow how = EndHow::kSessionEnded;
  std::string name;
  uint64_t session = 0;
  unsigned shard = 0;
  std::string peer;
  Code code = Code::kNone;  // Of the goodbye; kNone: the peer went away without one.
  std::string text;
};

// What Broker::trace() returns.
struct Trace {
  bool would_arrive = false;
  std::string why;  // In words, for people: the first thing that stands in the way, or that nothing does.
  // What a sender would be told now; kNone if the message would arrive, or if that is not known (see `answered`).
  Reason reason = Reason::kNone;
  unsigned from_shard = 0;  // The home of each name, whether or not there is such a client.
  unsigned to_shard = 0;
  std::optional<ClientInfo> from;
  std::optional<ClientInfo> to;
  bool paused = false;                // `from` was told to pause sending to `to`, and the pause has not ended.
  bool gate_closed = false;           // A message to `to` was refused, and `from` has not said yet that it knows.
  std::optional<RecentEnd> last_end;  // Of `to`.
  Answered answered = Answered::kFully;
};

}  // namespace onehop
