// The sending half of a client: what was accepted, what is in flight, what waits and why, and what became of each.
//
// Where an accepted message is, until its outcome is told:
//
//   send() ──────────────► log: in flight ──── pong of a later ping ───────► admitted
//     │                     ▲      │ └──────── refused, waiting no cure ───► rejected
//     └► hold.waiting ──────┘      └ refused: QUEUE_FULL, BROKER_BUSY ─► hold.refused ─► front of hold.waiting
//
// A hold belongs to one destination and exists only while something is held for it. Invariants:
//  - What is in a hold for a destination was accepted later than what is in flight to it, or is refused and comes
//  first.
//  - A hold opens only when every refusal of what was in flight is known: a ping was written after the last message to
//    it (the barrier), and its pong has come.
//  - ready_ names each hold that may send, once.
#pragma once

#include <deque>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/send_log.h"
#include "core/instant.h"
#include "onehop/client_events.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::client {

class Sender {
 public:
  Sender(const ClientOptions& options, ClientEvents& events) : options_(options), events_(events) {}

  // The caller's side.
  SendStatus send(core::Bytes to, core::Bytes payload, const SendOptions& options, uint64_t* ticket);
  SendStatus send_encoded(std::string body, uint64_t* ticket);
  void flush(std::function<void()> done);
  void refuse_more() { accepting_ = false; }
  uint64_t unsettled() const { return unsettled_; }
  const SendCounts& counts() const { return counts_; }

  // The connection's side. begin_stream() starts an empty stream of bytes; open() lets messages into it.
  void begin_stream();
  void open(uint32_t frame_bytes_max);
  // Lets no further messages into the stream; they wait for the next session.
  void hold_all() { open_ = false; }
  // Whether the fate of everything in the stream is known.
  bool stream_settled() const { return log_.messages() == 0; }
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
  core::Instant deadline() const { return due_; }

  // Completes what is to be written, then hands it out.
  size_t output(std::span<std::string_view> pieces);
  void on_written(size_t size);
  // Reports room, if somebody was told that there is none.
  void tell_room();

 private:
  // A message outside the log. `id` and `reason` are those of its last attempt, if any.
  struct Held {
    uint64_t ticket;
    uint64_t id;
    Reason reason;
    bool maybe_repeated;
    std::string body;
  };

  struct Hold {
    enum class Phase : uint8_t {
      kClosed,   // until the lease is over or RESUME comes, and the barrier is passed
      kReady,    // may send; is in ready_
      kProbing,  // has sent one message after a lease without RESUME, and waits whether it is refused
    };
    Phase phase = Phase::kReady;
    bool listed = false;
    bool gate_closed = false;
    bool resumed = false;
    bool probe = false;
    uint64_t barrier = 0;
    core::Instant until;
    std::vector<Held> refused;
    std::deque<Held> waiting;
    uint64_t waiting_bytes = 0;
    const std::string* name = nullptr;
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

  struct NameHash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  bool log_has_room() const;
  bool hold_has_room(const Hold* hold) const;
  Hold* find_hold(core::Bytes name);
  Hold& hold_for(core::Bytes name);
  void wait_in(Hold& hold, Held held);
  void close_hold(Hold& hold, uint32_t retry_after_ms, core::Instant now);
  void try_to_open(Hold& hold, core::Instant now);
  void make_ready(Hold& hold);
  void take_back_refused(Hold& hold);
  void pump();
  void send_from(Hold& hold);
  void append_held(const Held& held);
  void append_resume(const std::string& name);
  bool wants_barrier() const;

  void on_refused(uint64_t id, const v1::Receipt& receipt, core::Instant now);
  void settle_admitted(uint64_t last_id);
  void settle(core::Bytes to, const SendResult& result);
  void settle_held(const Held& held, Outcome outcome, Reason reason);
  void lose_stream(bool repeat_unknown);
  void regroup_holds();

  const ClientOptions& options_;
  ClientEvents& events_;
  SendLog log_;
  std::unordered_map<std::string, Hold, NameHash, std::equal_to<>> holds_;
  std::deque<Hold*> ready_;
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
  uint64_t waiting_bytes_ = 0;
  uint32_t frame_bytes_max_ = 0;
  // Whether there is a session to write to, and whether messages may be written to it.
  bool streaming_ = false;
  bool open_ = false;
  bool accepting_ = true;
  bool wanted_room_in_log_ = false;
  bool wanted_room_in_hold_ = false;
  bool hold_made_room_ = false;
};

}  // namespace onehop::client
