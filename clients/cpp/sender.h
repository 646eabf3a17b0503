// The sending half of a client: what was accepted, what is in flight, what waits and why, and what became of each.
//
// Where an accepted message is, until its outcome is told:
//
//   send() ──────────────► log: in flight ──── receipt; unconfirmed: pong of a later ping ───► outcome
//     │                     ▲      └ refused: QUEUE_FULL and such ─► hold.refused ─► front of hold.waiting
//     └► hold.waiting ──────┘
//
// A session may outlive its connection: suspend(), begin_stream(), open(resumed). Then what the broker has got keeps
// waiting for its receipts, what it has not is written again under the same ids.
//
// The send window: the confirmed messages in flight, and the outcomes whose receipts have not been acknowledged, never
// exceed what the broker allows. The broker counts an outcome until it reads the Ack, so that what is behind the Ack in
// the stream need not count it.
//
// A hold belongs to one destination and exists only while something is held for it. Invariants:
//  - What is in a hold for a destination was accepted later than what is in flight to it; but what was refused, or is
//    repeated because a resume left it unknown, comes first. hold.waiting is in the order of acceptance.
//  - A hold opens only when every refusal of what was in flight is known: a ping was written after the last message to
//    it (the barrier), and its pong has come, both on this connection.
//  - Clients, topics and services have holds of their own, also where their names are the same. Only clients have
//  gates,
//    and names that are proven.
//  - While a name has to be proven (proven_names.h) it has a hold, and at most one message to it is in flight. Only
//    that one is held again after UNKNOWN_CLIENT, because nothing can have overtaken it.
//  - ready_ names each hold that may send, once; but those whose first message waits for the send window are in
//    window_waiters_, in the order in which they found it full, and nothing confirmed passes them.
#pragma once

#include <deque>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/contained_events.h"
#include "client/proven_names.h"
#include "client/replies.h"
#include "client/send_log.h"
#include "core/base/instant.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::client {

// What the broker's Connected says to the sending half.
struct SessionTerms {
  // Whether the session of the connection before goes on.
  bool resumed;
  // In a resume: the highest id the broker has processed in any way.
  uint64_t last_id;
  uint32_t frame_bytes_max;
  // What may be open towards the broker: confirmed messages with outcomes whose receipts it does not know to have
  // arrived, and the sum of the frames of those messages.
  uint32_t send_window;
  uint32_t send_window_bytes;
  // The longest that a message may wait, and so a reply.
  uint32_t ttl_ms_max;
  // For how long owners of names may still be on their way back. 0: they have come, or are never expected; in a resume
  // of this process: as before.
  uint32_t prove_ms;
};

class Sender {
 public:
  Sender(const ClientOptions& options, ContainedEvents& events) : options_(options), events_(events) {}

  // The caller's side.
  SendStatus send(core::Bytes to, core::Bytes payload, const SendOptions& options, uint64_t* ticket);
  // `may_refuse`: answers kWouldBlock where send() would because of what is in flight.
  SendStatus send_encoded(core::Bytes body, bool may_refuse, uint32_t unknown_patience_ms, uint64_t* ticket);
  void flush(std::function<void()> done);
  void refuse_more() { accepting_ = false; }
  uint64_t unsettled() const { return unsettled_; }
  const SendCounts& counts() const { return counts_; }

  // The connection's side. begin_stream() starts an empty stream of bytes; open() lets messages into it.
  void begin_stream();
  void open(const SessionTerms& terms, core::Instant now);
  // The connection is gone, the session may be resumed: nothing is told, and what is accepted waits.
  void suspend();
  // Lets no further messages into the stream; they wait for the next session.
  void hold_all() { open_ = false; }
  // Whether the fate of everything in the stream is known.
  bool stream_settled() const { return log_.messages() == 0; }
  bool unconfirmed_settled() const { return log_.messages() == log_.confirmed(); }
  // The session is gone: what it leaves unknown is told or held for the next one, as the options say.
  void lose();
  // The client is at its end: everything gets its outcome.
  void end();

  void append_frame(const v1::Frame& frame);
  // Writes a ping; returns its nonce.
  uint64_t append_ping();
  void on_receipts(const v1::Receipts& receipts, core::Instant now);
  void on_flow(const v1::Flow& flow, core::Instant now);
  void on_pong(uint64_t nonce, core::Instant now);
  void on_tick(core::Instant now);
  core::Instant deadline() const { return std::min(due_, replies_.deadline()); }
  // A message has come that names the request `id` of this session. Answers the request's ticket if it is its reply; 0:
  // it is an ordinary message.
  uint64_t take_reply(uint64_t id);
  // Whether replies are still to come, of requests whose outcome says that there is one.
  bool awaits_replies() const { return replies_.are_awaited(); }

  // The highest seq of receipts of this session that was handled; whether the broker is owed an Ack that says so. Who
  // appends one calls receipts_acked() before anything else is appended.
  uint64_t receipts_seen() const { return receipts_seen_; }
  bool owes_receipts_ack() const { return owes_receipts_ack_; }
  void receipts_acked();

  // Completes what is to be written, then hands it out.
  size_t output(std::span<std::string_view> pieces);
  void on_written(size_t size);
  // Reports room, if somebody was told that there is none.
  void tell_room();

 private:
  // A message outside the log. `id` and `reason` are those of its last attempt, if any.
  struct Held {
    uint64_t ticket;
    std::string body;
    uint32_t patience_ms = 0;
    bool confirmed = false;
    bool maybe_repeated = false;
    uint64_t id = 0;
    Reason reason = Reason::kNone;
  };

  // What is known of a name that has to be proven.
  struct Proof {
    bool wanted = false;
    // The message that went alone, unless it was refused because nobody owns the name.
    uint64_t probe_id = 0;
    // Since when nobody owns it; and when the first message here has waited long enough for that.
    core::Instant missing_since = core::Instant::never();
    core::Instant gives_up = core::Instant::never();
  };

  // What a hold belongs to. It is found by an Address as well.
  struct HoldKey {
    std::string name;
    Destination kind;

    operator Address() const { return {name, kind}; }
  };

  struct Hold {
    enum class Phase : uint8_t {
      kClosed,   // until the lease is over or RESUME comes, and the barrier is passed
      kReady,    // may send; is in ready_ or window_waiters_
      kProbing,  // has sent one message, after a lease without RESUME or as a proof, and waits whether it is refused
    };
    Phase phase = Phase::kReady;
    bool listed = false;
    bool gate_closed = false;
    bool resumed = false;
    bool probe = false;
    uint64_t barrier = 0;
    core::Instant until;
    Proof proof;
    std::vector<Held> refused;
    std::deque<Held> waiting;
    uint64_t waiting_bytes = 0;
    const HoldKey* key = nullptr;

    bool is_client() const { return key->kind == Destination::kClient; }
    bool next_is_confirmed() const { return !waiting.empty() && waiting.front().confirmed; }
  };

  static constexpr uint64_t kNoBarrier = UINT64_MAX;

  // A ping that was written, and the last message before it.
  struct Barrier {
    uint64_t nonce;
    uint64_t last_id;
  };

  // Waits for the `left` messages up to `ticket` that have no outcome.
  struct Flush {
    uint64_t ticket;
    uint64_t left;
    std::function<void()> done;
  };

  struct AddressHash {
    using is_transparent = void;
    size_t operator()(const Address& to) const {
      return std::hash<std::string_view>()(to.name) + static_cast<size_t>(to.kind);
    }
  };
  struct SameAddress {
    using is_transparent = void;
    bool operator()(const Address& a, const Address& b) const { return a == b; }
  };

  void end_barriers();
  bool log_has_room() const;
  bool window_has_room(uint64_t frame_bytes) const;
  bool too_large(uint64_t frame_bytes, bool confirmed) const;
  bool stream_has_room(uint64_t frame_bytes, bool confirmed);
  char* append_new(size_t body_bytes, bool confirmed, uint32_t patience_ms);
  bool fits_window(const Hold& hold) const;
  Hold* next_ready();
  bool hold_has_room(const Hold* hold) const;
  Hold* find_hold(const Address& to);
  Hold& hold_for(const Address& to);
  bool has_to_prove(const Address& to) const { return to.kind == Destination::kClient && proven_.wants(to.name); }
  void wait_in(Hold& hold, Held held);
  // A message that waited does no longer, and makes room.
  void leave(Hold& hold, const Held& held);
  void close_hold(Hold& hold, uint32_t retry_after_ms, core::Instant now);
  void try_to_open(Hold& hold, core::Instant now);
  void make_ready(Hold& hold);
  void take_back_refused(Hold& hold);
  void pump();
  void send_from(Hold& hold);
  // False: it is too large, which is told instead.
  bool append_held(const Held& held);
  void append_resume(const std::string& name);
  bool wants_barrier() const;

  // sender_patience.cc
  void begin_proving(core::Instant now, uint32_t prove_ms);
  void prove(Hold& hold);
  bool waits_for_name(const SendLog::Record& record, core::Instant now);
  void note_patience(Hold& hold, uint32_t patience_ms);
  void give_up(Hold& hold, core::Instant now, std::vector<Held>& over);

  bool will_pass(const SendLog::Record& record, const v1::Receipt& receipt, core::Instant now);
  void on_fate(SendLog::Record& record, const v1::Receipt& receipt, core::Instant now);
  void hold_refused(const SendLog::Record& record, uint64_t ticket, const v1::Receipt& receipt, core::Instant now);
  void settle_admitted(uint64_t last_id);
  void settle(const Address& to, const SendResult& result);
  void tell_no_replies(const std::vector<uint64_t>& tickets);
  void settle_held(const Held& held, Outcome outcome, Reason reason);
  void lose_messages(bool repeat_unknown);
  void leave_unknown(SendLog::Record& record, bool repeat_unknown);
  void regroup_holds();
  void resume(uint64_t last_id);
  void resume_holds();
  bool follows_refused(const SendLog::Record& record);

  const ClientOptions& options_;
  ContainedEvents& events_;
  SendLog log_;
  std::unordered_map<HoldKey, Hold, AddressHash, SameAddress> holds_;
  ProvenNames proven_;
  Replies replies_;
  std::deque<Hold*> ready_;
  std::deque<Hold*> window_waiters_;
  std::deque<Barrier> barriers_;
  std::deque<Flush> flushes_;
  core::Instant due_ = core::Instant::never();
  SendCounts counts_;
  uint64_t unsettled_ = 0;
  uint64_t last_ticket_ = 0;
  uint64_t last_nonce_ = 0;
  uint64_t passed_nonce_ = 0;
  // The earliest barrier that a hold waits for, and the latest that one wants to have written.
  uint64_t next_barrier_ = kNoBarrier;
  uint64_t wanted_barrier_ = 0;
  uint64_t last_barrier_id_ = 0;
  // The last message whose admission a pong tells, and up to where that was told.
  uint64_t last_unconfirmed_id_ = 0;
  uint64_t admitted_up_to_ = 0;
  uint64_t waiting_bytes_ = 0;
  uint64_t receipts_seen_ = 0;
  // Outcomes that the broker does not know to have arrived.
  uint64_t unacked_outcomes_ = 0;
  // What would be room in the window for whom there was none.
  uint64_t wanted_window_bytes_ = 0;
  SessionTerms terms_{};
  bool owes_receipts_ack_ = false;
  // Whether there is a session to write to, and whether messages may be written to it.
  bool streaming_ = false;
  bool open_ = false;
  bool accepting_ = true;
  // The connection is gone and the session may come back.
  bool suspended_ = false;
  bool wanted_room_in_log_ = false;
  bool wanted_room_in_window_ = false;
  bool wanted_room_in_hold_ = false;
  bool hold_made_room_ = false;
};

}  // namespace onehop::client
