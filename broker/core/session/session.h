// A session: the protocol state of one client, from Connected to its end. And the link it talks through, which is a
// connection's state from its first byte to its last.
//
// They are two, because a session may outlive its connection. What only some need is allocated on need: an idle client
// has none of the pointers below set.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/account.h"
#include "core/base/counters.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/base/rate_limit.h"
#include "core/queue/backlog.h"
#include "core/queue/closed_gates.h"
#include "core/queue/pending_control.h"
#include "core/queue/receipt_log.h"
#include "core/queue/sender_table.h"
#include "core/wire/frame_decoder.h"
#include "core/wire/name_stamp.h"
#include "core/wire/output_queue.h"

namespace onehop::core {

// What a session has once it sends.
struct Sending {
  explicit Sending(Counters& totals) : receipts(totals), account(totals.state_bytes) { count_held(); }

  // Where the last message went: most senders have one destination for a while, and need not look it up again.
  std::string destination;
  uint64_t destination_hash = 0;
  ShardIndex destination_home = 0;
  SessionId destination_session;  // If it lives on this shard; recognised when stale.

  void forget_destination() {
    destination.clear();
    destination_session = {};
  }

  uint64_t messages_sent = 0;
  // Its confirmed messages that have no outcome yet, and the sum of their frames; and the outcomes to tell it.
  uint32_t open_messages = 0;
  uint64_t open_bytes = 0;
  ReceiptLog receipts;
  RateLimit rate;
  void open(uint64_t frame_bytes) {
    ++open_messages;
    open_bytes += frame_bytes;
  }
  void settle(uint64_t messages, uint64_t frame_bytes) {
    open_messages -= static_cast<uint32_t>(messages);
    open_bytes -= frame_bytes;
  }

  ClosedGates closed_gates;

  // What it takes of the broker's memory, but for the receipts; counted anew when one of these may have grown.
  Account account;
  void count_held() { account.set(sizeof *this + destination.capacity() + closed_gates.held_bytes()); }

  // A pong comes after the refusals of everything sent before its ping. Shards that were sent to since the last barrier
  // are asked first (a bit each); while answers are outstanding, a later ping waits for its own round.
  uint64_t shards_sent_to = 0;
  uint32_t barriers_outstanding = 0;
  bool pong_wanted = false;  // By the connection that began the round.
  bool ping_waits = false;
  uint64_t nonce = 0;          // Of the round under way.
  uint64_t waiting_nonce = 0;  // Of the ping that waits.
};

// What a session has while its client is away.
struct Away {
  LinkId left_link;  // The connection it had, which may still be closing.
  Instant left{};
  Instant expires = Instant::never();
  uint64_t held_bytes = 0;  // As it is in Counters::away_bytes.
  // In the list of those that hold nothing (away_list.h): the indices of the neighbours.
  uint32_t earlier = kNoSession;
  uint32_t later = kNoSession;
  bool listed = false;

  static constexpr uint32_t kNoSession = UINT32_MAX;
};

// In the order of use: a message to a recipient touches the first 56 bytes, right behind the head of the slot in the
// slab; the lookup of its name touches the next 48.
struct Session {
  LinkId link;                   // None while it is away.
  uint32_t frame_bytes_max = 0;  // Of senders' frames, as this client wants it.
  uint16_t receive_window = 0;   // Deliveries that may be open.
  bool ordered_refusals : 1 = false;
  bool repeating : 1 = false;         // It resumed: ids it sent before may come again, and are skipped.
  bool resuming_senders : 1 = false;  // In the shard's list of those with paused senders to release.
  bool has_receipts : 1 = false;      // Of its `sending`, to be told at the next flush.
  bool may_renew : 1 = false;         // It named the feature RENEWAL.
  bool uses_topics : 1 = false;       // It named the feature TOPICS.
  bool uses_replies : 1 = false;      // It named the feature REPLIES.
  bool is_instance : 1 = false;       // Of a service.
  bool uses_presence : 1 = false;     // It named the feature PRESENCE.
  uint64_t messages_received = 0;     // Admitted for it.
  std::unique_ptr<PendingControl> control;
  // As a recipient: what it has not settled, and what waits for it.
  std::unique_ptr<Backlog> backlog;
  // As a recipient: who was told to pause, whose gate is closed.
  std::unique_ptr<SenderTable> senders;
  std::unique_ptr<Sending> sending;

  uint64_t number = 0;  // As Connected.session.
  uint64_t name_hash = 0;
  NameStamp name;
  uint64_t last_id = 0;  // The highest message id it sent.
  std::unique_ptr<Away> away;
  uint32_t principal = 0;
  uint32_t session_expiry_ms = 0;
  uint32_t attempt = 0;  // The highest it connected with.
  uint32_t keepalive_ms = 0;
};

enum class LinkState : uint8_t {
  kLobby,    // No complete Connect yet.
  kAsking,   // Its question is with the host.
  kLeaving,  // To be handed over to its home shard at the next flush.
  kOpen,     // Has a session.
  kClosing,  // Its session, if it had one, has ended; the goodbye is queued.
};

// What came with the Connect of a link that is asking.
struct Asking {
  Ticket ticket;
  v1::Connect connect;
};

// What becomes of the session of a link that ends.
enum class SessionThen : uint8_t {
  kDetach,  // It stays as long as its expiry says.
  kEnd,
};

// In the order of use, too: what a message to its client and the flush touch comes first.
struct Link {
  HostLink host;
  OutputQueue output;
  SessionId session;
  // Bytes of the queue up to the end of the control frames that were encoded last; new ones wait for 0.
  uint32_t control_bytes_left = 0;
  uint32_t connected_ds = 0;  // See connected_at().
  ShardIndex home = 0;        // Where it is leaving to.
  LinkState state = LinkState::kLobby;
  bool reading = true;
  bool dirty = false;                   // In the list of links to flush.
  bool pinged = false;                  // Since it was last heard.
  bool blocked = false;                 // Its socket is full; on_writable follows.
  bool waits_to_send : 1 = false;       // Its next message waits for a parcel, or for the host to say whether it may.
  bool waits_to_subscribe : 1 = false;  // Or to watch: the host says later whether it may.
  bool waits_for_control : 1 = false;   // It has too much to hear before it may say more.
  bool contested : 1 = false;           // Another connection asked for its name: it is to be heard by its deadline.
  bool chatty : 1 = false;              // It sends very many control frames: it is read in small portions.
  bool ageless : 1 = false;             // It does not end because of its age.
  bool unread : 1 = false;              // When it was last looked at, its host had more of it to read.
  bool has_terms : 1 = false;           // Its credentials end some time, or are being renewed.

  FrameDecoder decoder;
  Instant last_heard;
  Instant deadline;  // For the Connect or the closing; while it is open, of its age or a contest.
  Instant partial_since = Instant::never();  // When the frame that is not all there began.
  Instant blocked_since = Instant::never();  // When the socket last took less than it was offered.
  std::unique_ptr<Asking> asking;

  // Whether its next frames are decoded later.
  bool waits() const { return (waits_to_send | waits_to_subscribe | waits_for_control) != 0; }
  // When its session was attached, rounded down to a tenth of a second.
  Instant connected_at(Instant now) const {
    const uint64_t now_ds = now.ms / 100;
    return {(now_ds - (static_cast<uint32_t>(now_ds) - connected_ds)) * 100};
  }
};

// What a client's queue holds: what its socket has not taken yet, and what waits in the backlog behind it. `link` is
// the session's, if it has one.
inline size_t queued_for(const Session& session, const Link* link) {
  const size_t waiting = session.backlog == nullptr ? 0 : session.backlog->unsent_bytes();
  return link == nullptr ? waiting : link->output.bytes() + waiting;
}

}  // namespace onehop::core
