// The life of a client: connect, open, lose, wait, connect again, end. Owns the frames that arrive, liveness, the
// handshake and the session's credentials. What is sent is the Sender's, verdicts on what has come are the Receiver's,
// and what is wanted of topics is the Subscriptions'.
//
//   kIdle → kConnecting → kHandshake → kOpen → kLeaving, kDetaching → kEnded
//              ▲              │          │         │
//              └── kBackoff ◄─┴──────────┴─────────┘  (goodbye answered; lost; refused: if trying again makes sense)
//
// Invariants: link() is kWanted exactly from kConnecting to kOpen, and bytes are taken only between on_link_up() and
// the end of that link. A state is left by change_to() alone. From the end of a connection on there is a session_
// exactly while that session may be resumed; then the Sender is suspended, otherwise it has lost what it had.
#pragma once

#include <optional>
#include <vector>

#include "client/backoff.h"
#include "client/contained_events.h"
#include "client/credentials.h"
#include "client/first_answer.h"
#include "client/sender.h"
#include "client/subscriptions.h"
#include "core/base/instant.h"
#include "core/wire/frame_decoder.h"
#include "message/receiver.h"
#include "onehop/client_engine.h"

namespace onehop::client {

class ClientEngine::Impl {
 public:
  Impl(ClientOptions options, ClientEvents& events, uint64_t seed);

  void start(core::Instant now);
  void close() { closing_ = true, sender_.refuse_more(); }
  void detach() { detaching_ = true, sender_.refuse_more(); }
  void abort(const Ending& ending, core::Instant now);
  SendStatus renew(std::string_view token);
  SendStatus subscribe(std::string_view filter, const SubscribeOptions& options);
  SendStatus unsubscribe(std::string_view filter);
  SendStatus serve(std::string_view service);
  SendStatus unserve(std::string_view service);
  uint64_t ping() { return state_ == State::kOpen ? sender_.append_ping() : 0; }
  Sender& sender() { return sender_; }
  const Sender& sender() const { return sender_; }
  SendCounts counts() const;
  Receiver& receiver() { return receiver_; }
  const std::optional<SavedSession>& session() const { return session_; }

  Link link() const;
  uint64_t link_number() const { return link_number_; }
  void on_link_up(core::Instant now);
  void on_link_down(std::string_view text, core::Instant now);
  void on_bytes(core::Bytes bytes, core::Instant now);
  void set_reading(bool reading, core::Instant now);
  size_t output(std::span<std::string_view> pieces, core::Instant now);
  void on_written(size_t size, core::Instant now);
  void on_tick(core::Instant now);
  core::Instant deadline() const;

 private:
  enum class State : uint8_t { kIdle, kConnecting, kHandshake, kOpen, kLeaving, kDetaching, kBackoff, kEnded };

  void change_to(State state, core::Instant deadline);
  void connect(core::Instant now);
  void lose(Ending ending, core::Instant now);
  void finish(const Ending& ending);
  void leave_if_done(core::Instant now);
  bool is_worth_another_try(State before, const Ending& ending, core::Instant next_try);
  bool ends_session(State state, const Ending& ending) const;
  bool is_leaving() const { return state_ == State::kLeaving || state_ == State::kDetaching; }
  bool takes_frames() const { return state_ == State::kHandshake || state_ == State::kOpen || is_leaving(); }
  bool accepts_wishes() const { return !closing_ && !detaching_ && state_ != State::kEnded; }
  // Whether the caller wants the end, and nothing has to be waited for.
  bool may_end() const { return detaching_ || (closing_ && sender_.unsettled() == 0 && !sender_.awaits_replies()); }
  // The broker has announced the end of this connection, or of itself.
  bool may_part(core::Instant now);
  bool is_quiet(core::Instant now);
  bool keeps_session_apart() const;
  uint64_t wait_after(const Ending& ending, bool announced, core::Instant now);

  void append_connect();
  void append_acks();
  // Each answers what is wrong with the frame; nullptr: nothing.
  const char* on_frame(core::Bytes frame, core::Instant now);
  const char* on_frame_kind(uint32_t kind, core::Bytes body, core::Instant now);
  const char* on_connected(core::Bytes body, core::Instant now);
  uint32_t prove_ms_of(const v1::Connected& connected) const;
  const char* on_message(core::Bytes body, core::Instant now);
  const char* on_goodbye(core::Bytes body, core::Instant now);
  void on_bad_bytes(const char* what, core::Instant now);
  // Whether somebody else answers than a broker; then the connection is lost for that.
  bool is_foreign(bool all, core::Instant now);

  void check_liveness(core::Instant now);
  core::Instant liveness_deadline() const;

  const ClientOptions options_;
  ContainedEvents events_;
  Sender sender_;
  Credentials credentials_;
  Subscriptions subscriptions_;
  Receiver receiver_;
  Backoff backoff_;
  core::FrameDecoder decoder_;
  FirstAnswer first_answer_;
  std::vector<Header> headers_;
  v1::Frame ack_;
  State state_ = State::kIdle;
  // When the state ends by itself, where that is so.
  core::Instant state_deadline_ = core::Instant::never();
  uint64_t link_number_ = 0;
  size_t frame_bytes_max_ = 0;

  uint32_t keepalive_ms_ = 0;
  uint32_t ttl_ms_max_ = 0;
  core::Instant opened_;
  core::Instant heard_;
  core::Instant wrote_;
  // Whether this silence was answered with a ping already.
  bool asked_ = false;
  bool reading_ = true;
  bool ever_opened_ = false;
  std::optional<uint64_t> pong_owed_;

  // The session, with its latest attempt; whether it outlives its connection.
  std::optional<SavedSession> session_;
  bool outlives_ = true;
  // Since when every answer to a Connect has been that the name is in use.
  std::optional<core::Instant> name_in_use_since_;

  // The caller wants the end, with or without that of the session.
  bool closing_ = false;
  bool detaching_ = false;
  // The broker announced the end: why, how long it waits at the most, and when it wants this client back.
  std::optional<Ending> announced_;
  core::Instant grace_end_ = core::Instant::never();
  core::Instant return_at_;
  // During a drain: when all deliveries that keep this client connected will have expired.
  core::Instant held_until_ = core::Instant::never();
  // The round trips that tell that nothing more comes: the ping under way, if any; the highest tag that had come when
  // they began; how many there have been.
  struct Parting {
    uint64_t ping = 0;
    uint64_t tag = 0;
    int round_trips = 0;
  };
  Parting parting_;
};

}  // namespace onehop::client
