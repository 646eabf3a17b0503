// A shard: the clients whose names live here, and everything that happens to their messages. One thread, no clock, no
// socket: see seam.h for what passes between it and its host.
//
// The path of a message, and where to read it:
//   on_received   shard.cc          bytes of a link come in
//   decode        shard_route.cc    frames are found in them; route: which shard is the recipient's home
//   admit         shard_route.cc    there: deliver or refuse
//   on_parcel     shard_parcels.cc  what other shards send: messages to admit, receipts and flow to pass on
//   refuse        shard_receipts.cc what its sender is told
//   flush         shard_flush.cc    out it goes: queues to sockets, parcels to shards
// Beside the path: shard_frames.cc (what clients send beside messages), shard_connect.cc (lobby, names, takeover, the
// end of links), shard_sessions.cc (sessions that outlive their links, and their end), shard_verdicts.cc (what becomes
// of messages after their admission), shard_flow.cc (pause, resume, gates), shard_timers.cc (deadlines),
// shard_memory.cc (what all shards hold together), shard_limits.cc (ages, and new limits), shard_drain.cc
// (the end announced), shard_inspect.cc (what operators ask).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "core/account.h"
#include "core/away_list.h"
#include "core/client_report.h"
#include "core/control_frames.h"
#include "core/counters.h"
#include "core/delivery.h"
#include "core/directory.h"
#include "core/memory_ledger.h"
#include "core/parcel_post.h"
#include "core/rate_limit.h"
#include "core/receive_blocks.h"
#include "core/seam.h"
#include "core/session.h"
#include "core/shard_config.h"
#include "core/slab.h"
#include "core/takeover_log.h"
#include "core/wheel.h"

namespace onehop::core {

class Shard final : public ShardInputs {
 public:
  Shard(const ShardConfig& config, Host& host);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard();

  LinkId on_link(const ArrivingLink& arriving, Instant now) override;
  std::span<char> receive_space(LinkId id) override;
  void on_received(LinkId id, size_t size, Instant now) override;
  void on_unread(LinkId id) override;
  void on_writable(LinkId id, Instant now) override;
  void on_end_of_stream(LinkId id, Instant now) override;
  void on_link_failed(LinkId id, Instant now) override;
  void on_parcel(ShardIndex from, Parcel parcel, Instant now) override;
  void on_credit(ShardIndex to, Parcel parcel, Instant now) override;
  void on_answer(Ticket ticket, const Answer& answer, Instant now) override;
  Instant on_tick(Instant now) override;
  void flush(Instant now) override;
  bool flush_wanted() const override { return flush_wanted_; }
  void set_limits(const Limits& limits, Instant now) override;
  void drain(const Drain& drain, Instant now) override;
  void stop(Instant now) override;
  bool stopped() const override { return stopping_ && stops_outstanding_ == 0 && stops_answered_ + 1 == config_.count; }

  const Counters& counters() const { return counters_; }
  // Whether the next client that resumes no session is refused, because there are so many. Whether memory is short for
  // all shards is the ledger's to say.
  bool is_full() const;
  // Inspection: for operators, not for the path of a message.
  ClientsFound find_clients(const ClientSearch& search, Instant now);
  std::optional<ClientState> find_client(Bytes name, Instant now);
  // What stands between this sender and a recipient of this shard.
  SenderState sender_state(Bytes recipient, const Origin& sender, Instant now);
  // Looks at all sessions.
  uint64_t paused_senders();
  // Ends a client for good. False if there is none of that name.
  bool kick(Bytes name, Bytes text, Instant now);
  ShardIndex home_of(Bytes name) const;
  const Limits& limits() const { return config_.limits; }

  // How many links the next flush will write to, or close.
  size_t links_to_write() const { return dirty_.size(); }

 private:
  // The pause and gate records of a recipient that has ended, being worked off.
  struct Released {
    std::string name;
    std::unique_ptr<SenderTable> senders;
  };
  // What becomes of the session of a link that ends.
  enum class SessionThen : uint8_t {
    kDetach,  // It stays as long as its expiry says.
    kEnd,
  };
  // What the handling of a frame may ask of the decode loop.
  enum class Handled : uint8_t {
    kDone,
    kNoCredit,  // Put it back; the link waits.
  };

  // shard.cc
  bool waits(const Link& link) const { return link.waits_for_credit || link.waits_for_control; }
  void stop_reading(Link& link);
  void resume_reading(Link& link, Instant now);
  void mark_dirty(LinkId id, Link& link) {
    if (!std::exchange(link.dirty, true)) dirty_.push_back(id);
  }
  Origin origin_of(SessionId session) const { return {Origin::Kind::kSession, 0, config_.index, 0, session}; }
  void note(Event::Kind kind, const Link& link, Bytes name, uint64_t session, v1::Code code, Bytes text);

  // shard_connect.cc
  bool pass_lobby(LinkId id, Link& link, Input& in, Instant now);
  void ask(LinkId id, Link& link, const v1::Connect& connect, Instant now);
  void take_answer(LinkId id, Link& link, const v1::Connect& connect, const Answer& answer, Instant now);
  void claim(LinkId id, Link& link, const v1::Connect& connect, const Answer& answer, Instant now);
  bool displace(SessionId elder, const v1::Connect& connect, uint32_t principal, Farewell& refusal, Instant now);
  void refuse_full_house(LinkId id, Link& link, Bytes name, Instant now);
  uint32_t contest(LinkId id, Link& link, Session& session, Instant now);
  void open_session(LinkId id, Link& link, const v1::Connect& connect, uint32_t principal, Bytes name, uint64_t hash);
  void attach(LinkId id, Link& link, SessionId session_id, Session& session, const v1::Connect& connect);
  void answer_connected(Link& link, const Session& session, bool resumed);
  std::string make_name();
  void refuse_connect(LinkId id, Link& link, Bytes name, const Farewell& farewell, Instant now);
  // Ends a link: its session ends, unsent frames are dropped, the goodbye is queued.
  void end_link(LinkId id, Link& link, const Farewell& farewell, Instant now, SessionThen then = SessionThen::kDetach);
  // As end_link, but what is decided and queued goes out before the goodbye.
  void end_link_in_order(LinkId id, Link& link, const Farewell& farewell, Instant now, SessionThen then);
  void begin_closing(LinkId id, Link& link, const Farewell& farewell, Instant now);
  void drop_output(Link& link);
  void drop_decoder(Link& link);
  void drop_question(Link& link);
  void forget_link(LinkId id, Link& link);

  // shard_sessions.cc
  std::string resume_token(const Session& session) const;
  bool holds_token(const Session& session, const v1::Connect& connect, uint32_t principal) const;
  void resume(LinkId id, Link& link, SessionId session_id, const v1::Connect& connect, Instant now);
  Bytes wrong_with_resume(const Session& session, const v1::Connect& connect) const;
  static uint64_t acked_receipts(const Session& session, const v1::Connect& connect);
  void silence_elder(Session& session, Instant now);
  void detach(Session& session);
  void leave(SessionId id, Session& session, const Farewell& farewell, SessionThen then, Instant now);
  void end_session(SessionId id, Event::Kind how, const Farewell& farewell);
  void take_session_due(SessionId id, Session& session, Instant now);
  bool window_was_full_too_long(const Session& session, Instant now);
  Instant next_session_due(const Session& session) const;
  void answer_stopping(ShardIndex asker);
  void say_goodbyes(Instant now);

  // shard_drain.cc
  Farewell going_down(const Origin& client) const;

  // shard_inspect.cc
  ClientState state_of(SessionId id, Instant now);
  uint64_t idle_ms(const Session& session, Instant now);

  // shard_frames.cc
  void handle_control(LinkId id, Link& link, Session& session, FrameField field, Instant now);
  void handle_ack(LinkId id, Link& link, Session& session, Bytes body, Instant now);
  void handle_flow(LinkId id, Link& link, Session& session, Bytes body, Instant now);
  void handle_ping(SessionId id, Session& session, uint64_t nonce);
  void begin_barrier(SessionId id, Sending& sending, uint64_t nonce);
  void take_barrier_done(SessionId id, Session& session);
  void protocol_error(LinkId id, Link& link, Bytes text, Instant now);

  // shard_route.cc
  void decode(LinkId id, Link& link, Input in, Instant now);
  void decode_frames(LinkId id, Link& link, Input in, Instant now);
  void note_partial(LinkId id, Link& link, bool got_frame, Instant now);
  Handled handle_frame(LinkId id, Link& link, const FrameView& frame, Instant now);
  Handled handle_message(LinkId id, Link& link, Session& session, const FrameView& frame, Bytes body, Instant now);
  bool within_send_window(const Sending& sending, size_t frame_bytes) const;
  Handled route(LinkId link_id, Link& link, Sending& sending, RoutedMessage& message, Instant now);
  void look_up(Sending& sending, Bytes destination);
  void take_message(const Parcel& parcel, Bytes& rest, Instant now);
  void admit(const RoutedMessage& message, SessionId destination, Session* recipient, Instant now);
  void refuse_unknown(const RoutedMessage& message, Instant now);
  // For how much longer clients are expected that an earlier broker had.
  uint32_t start_grace_left(Instant now) const;
  bool admit_under_pressure(const RoutedMessage& message, SessionId id, Session& recipient, size_t queued_bytes,
                            Instant now);
  void deliver(const RoutedMessage& message, Delivery& delivery, SessionId id, Session& recipient, Link* link,
               Instant now);
  // What a client's queue holds: what its socket has not taken yet, and what waits in the backlog behind it.
  static size_t queued_for(const Session& session, const Link* link) {
    const size_t waiting = session.backlog == nullptr ? 0 : session.backlog->unsent_bytes();
    return link == nullptr ? waiting : link->output.bytes() + waiting;
  }

  // shard_receipts.cc
  void refuse(const RoutedMessage& message, const Fate& fate);
  static Receipt receipt_for(const RoutedMessage& message, const Fate& fate);
  void tell_receipt(const Receipt& receipt);
  void take_receipt(const Receipt& receipt);
  PendingControl* control_of(Session& session);
  void bound_control(const Session& session);

  // shard_verdicts.cc
  static bool speaks_of(const Session& session, const v1::Ack& ack) {
    return ack.session() == 0 || ack.session() == session.number;
  }
  Bytes wrong_with_verdicts(const Session& session, const v1::Ack& ack) const;
  void take_verdicts(Session& session, const v1::Ack& ack, Instant now);
  void settle(Backlog& backlog, Backlog::Entry& entry, const Fate& fate, Bytes text);
  void tell_end(const Backlog::Entry& entry, const Fate& fate, Bytes text);
  void tell_settled();
  bool window_open(const Session& session, size_t frame_bytes) const;
  void watch_window(SessionId id, Session& session, Instant now);
  void pump(SessionId id, Session& session, Link& link, Instant now);
  void expire(Session& session, Instant now);
  void lose(Session& session, v1::Reason reason);

  // shard_flow.cc
  void pause_sender(const RoutedMessage& message, Session& recipient, Instant now);
  void refuse_full(const RoutedMessage& message, SessionId id, Session& recipient);
  void tell_flow(const Origin& sender, Bytes recipient, v1::State state, uint32_t retry_after_ms);
  void tell_peer(RecordKind kind, const Origin& sender, const Origin& recipient, ShardIndex to);
  void take_peer_record(RecordKind kind, const Origin& sender, const Origin& recipient);
  void open_gate(const Origin& sender, const Origin& recipient);
  void sender_ended(const Origin& sender, const Sending& sending);
  void release_senders(SessionId id, Session& recipient);
  void release_some(SenderTable& senders, Bytes name);
  Instant release_more(Instant now);
  uint32_t jittered_lease(const Origin& sender) const;
  static uint64_t spread_of(const Origin& origin);

  // shard_parcels.cc
  void take_record(const Parcel& parcel, Bytes& rest, Instant now);

  // shard_flush.cc
  void resume_decoding(Instant now);
  void flush_dirty(Instant now);
  void flush_link(LinkId id, Link& link, Instant now);
  void encode_control(LinkId id, Link& link, Session& session);
  void write_queue(LinkId id, Link& link, Instant now);
  void post_parcels();

  // shard_memory.cc
  uint64_t memory_of_clients() const;
  uint64_t memory_used() const;
  bool is_share_of_clients(uint64_t bytes) const;
  bool has_memory_for_client() const;
  void look_at_memory();
  bool has_place_for_client();
  bool has_memory_for(const Session& recipient);
  void count_spare_output();
  size_t spare_output_bytes() const;
  void count_away(SessionId id, Session& session);
  void uncount_away(SessionId id, Session& session);
  static bool holds_nothing(const Session& session);
  void end_largest_away(Instant now);
  void watch_memory(Instant now);
  size_t held_for(const Session& session) const;
  std::vector<SessionId> hold_most(bool (*counts)(const Session& session));
  void end_largest(Instant now);
  void end_unnamed(Instant now);
  void end_those_who_hold_most(Instant now);
  void end_for_memory(SessionId id, Instant now);
  void drop_large_output(Link& link);
  void note_memory(Event::Kind kind);

  // shard_limits.cc
  Instant end_of_age(LinkId id, Instant from) const;

  // shard_timers.cc
  void take_due(LinkId id, Link& link, Instant now);
  Instant next_due(const Link& link, const Session* session) const;
  void check_open(LinkId id, Link& link, Session& session, bool unread, Instant now);
  void end_contest(LinkId id, Link& link, bool unread, Instant now);
  bool is_slow(const Link& link, const Session& session) const;
  static uint64_t dead_after(const Session& session) { return uint64_t{session.keepalive_ms} * 3 / 2; }

  ShardConfig config_;
  Host& host_;
  RateLimits rates_;  // Of config_.limits.
  std::unique_ptr<MemoryLedger> own_ledger_;
  MemoryLedger& ledger_;
  uint64_t memory_allowance_ = 0;  // For what is queued and open; to be looked at again there.
  Counters counters_;

  BlockPool blocks_;  // Outlives what may hold its blocks.
  Slab<Link, LinkId> links_;
  Slab<Session, SessionId> sessions_;
  Directory directory_{sessions_};
  AwayList away_list_{sessions_};
  SegmentPool segments_;
  ReceiveBlocks receive_blocks_;
  Buffer* receive_block_ = nullptr;
  Wheel wheel_;          // Of links.
  Wheel session_wheel_;  // Of sessions that wait for something of their own.
  TakeoverLog takeovers_;

  std::vector<ParcelPost> posts_;                        // By shard; one's own is not used.
  std::vector<std::vector<LinkId>> waiting_for_credit_;  // By shard.
  absl::flat_hash_map<uint64_t, LinkId> asking_;         // By ticket.
  std::vector<LinkId> resumable_;                        // Links that may go on decoding.
  std::vector<LinkId> dirty_;                            // Links with something to write or to close.
  std::vector<uint32_t> due_;                            // Scratch of on_tick.
  std::vector<SessionId> resuming_;                      // Recipients that still have paused senders to release.
  std::vector<Released> released_;                       // Ended recipients that do.
  // The message being routed. Every member is set for each message; clearing a new one first took as long as a third of
  // the routing.
  RoutedMessage scratch_message_;
  Receipt settled_;                                   // What a round of verdicts has settled and not told yet.
  std::vector<std::pair<uint64_t, uint64_t>> taken_;  // Scratch of take_verdicts.
  std::vector<ShardIndex> stop_askers_;               // Shards that wait to hear that this one stops too.
  v1::Frame scratch_frame_;
  v1::Connect scratch_connect_;
  v1::Ack scratch_ack_;  // Its ranges keep their memory: to allocate them anew took most of the time.

  RateSamples rate_samples_;

  uint64_t next_session_;
  uint32_t drain_spread_ms_ = 0;  // As Drain::spread_ms.
  Instant next_release_;
  uint64_t next_ticket_ = 1;
  uint32_t control_frames_ = 0;  // In the present read.
  bool flush_wanted_ = false;
  bool draining_ = false;  // Nothing more is admitted: draining, or stopping as well.
  bool stopping_ = false;
  Instant next_memory_turn_;      // Not before, after one that freed nothing,
  uint64_t memory_pause_ms_ = 0;  // and so many milliseconds after it.
  Account spare_output_{counters_.spare_bytes};
  bool memory_turn_ = false;                 // This shard is to end its largest client at the next flush.
  uint32_t stops_outstanding_ = 0;           // Other shards that have not settled yet.
  uint32_t stops_answered_ = 0;              // Other shards that know that this one has.
  Instant goodbyes_due_ = Instant::never();  // When stopping: not later than this.
};

}  // namespace onehop::core
