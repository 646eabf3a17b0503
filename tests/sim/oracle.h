// The oracle knows every message, every session and every word of the broker, and says when the broker breaks a
// promise.
//
// It is told what clients do before the bytes leave them, what clients read after the bytes have come out of the
// socket, and what shards note. Its clock is an order: every call and every action is one step later than the one
// before. Where it cannot know (bytes in a socket, a session that is just ending) it accepts what could be true, and
// nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "core/base/bytes.h"
#include "core/base/counters.h"
#include "core/base/ids.h"
#include "onehop/v1/onehop.pb.h"
#include "sim/coverage.h"
#include "sim/oracle_presence.h"
#include "sim/oracle_records.h"
#include "sim/oracle_requests.h"
#include "sim/oracle_services.h"
#include "sim/oracle_topics.h"
#include "sim/scenario.h"

namespace onehop::sim {

class Oracle {
 public:
  Oracle(const Scenario& scenario, Coverage& coverage);

  // --- Failures: the first counts.
  bool failed() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }
  void fail(std::string what);
  // Fails with the connection's name in front.
  void fail(uint32_t connection, const std::string& what);
  // Fails with the session's.
  void fail(const Session& session, const std::string& what);

  // --- Time.
  uint64_t step() { return ++order_; }
  uint64_t order() const { return order_; }
  void set_now_us(uint64_t now_us) { now_us_ = now_us; }
  uint64_t now_us() const { return now_us_; }
  uint64_t stopping_us() const { return stopping_us_; }
  bool memory_was_short_since(uint64_t at_us) const;

  // --- What clients do.
  uint32_t intern(core::Bytes name);
  // Connections are numbered from 0, as the links of the network are.
  uint32_t begin_connection(uint32_t client);
  // Returns the record's number; its body is not known before it is encoded, so sent() follows.
  uint32_t begin_message(uint32_t connection, const SentMessage& message);
  void sent(uint32_t record, core::Bytes body, uint32_t frame_bytes);
  // The message is sent once more, on a connection that resumed its session.
  void repeats(uint32_t connection, uint32_t record);
  void opens_gate(uint32_t connection, uint32_t name);
  uint64_t ping_sent(uint32_t connection);
  // The recipient's words, in the order in which the broker is to apply them. `session` is the one they speak of.
  void gives_verdict(uint32_t connection, uint32_t session, uint64_t tag, Verdict verdict);
  void takes_range(uint32_t connection, uint32_t session, uint64_t first, uint64_t last, const Verdict& taken);
  void acknowledges_receipts(uint32_t connection, uint64_t up_to);
  // It sends a Renew with this token.
  std::string renews(uint32_t connection);
  // Whether a message to be confirmed, of at most so many bytes, surely fits the send window.
  bool window_has_room(uint32_t connection, uint64_t bytes) const;

  // --- What clients read.
  void connected(uint32_t connection, const v1::Connected& connected);
  // `content` is the Frame's bytes; the sender's are at its end. `written_us`: when it was written, if nothing had
  // waited before it, else kNever. Returns the record, or kNone.
  uint32_t delivered(uint32_t connection, const v1::Message& message, core::Bytes content, uint64_t written_us);
  void receipts(uint32_t connection, const v1::Receipts& receipts);
  void flow(uint32_t connection, const v1::Flow& flow, uint64_t written_us, bool was_unblocked);
  void pong(uint32_t connection, uint64_t nonce);
  void renewed(uint32_t connection, const v1::Renewed& renewed);
  void goodbye(uint32_t connection, const v1::Goodbye& goodbye);
  // The broker has ended its side, and all was read. `cut`: bytes may be missing. `partial`: within a frame.
  void stream_ended(uint32_t connection, bool cut, bool partial);

  // --- What the shards do.
  void session_opened(uint32_t connection, core::ShardIndex shard, core::Bytes name, uint64_t session);
  void session_resumed(uint32_t connection, core::ShardIndex shard, core::Bytes name, uint64_t session);
  void session_detached(uint32_t connection, core::Bytes name, uint64_t session, v1::Code code);
  void session_ended(uint32_t connection_or_none, core::Bytes name, uint64_t session, v1::Code code, bool taken_over);
  // The broker ends a connection now, with this goodbye: the time at which deadlines are judged.
  void connection_ended(uint32_t connection, v1::Code code);
  // The session is ended for want of memory, for it holds most. What the shard counts includes it.
  void memory_ending(core::ShardIndex shard, const core::Counters& counters, core::Bytes name, uint64_t session);
  void closed_at_once(uint32_t connection, bool was_blocked);
  // It is connected, and is being read.
  void check_settling(uint32_t connection);
  // Its Connect is accepted, with credentials that hold for so long; 0: for ever.
  void let_in(uint32_t connection, uint32_t hold_ms);
  void asked_to_renew(uint32_t connection, core::Bytes name, core::Bytes token, uint64_t session);
  void renewal_answered(uint32_t connection, const Renewal& renewal);
  void asked_who_stays(uint32_t connection_or_none, core::Bytes name, uint64_t session, Stays stays);
  // It is connected.
  void check_credentials(uint32_t connection);
  // How much is queued, at a moment when it may be at its highest.
  void sample(core::ShardIndex shard, const core::Counters& counters);
  void after_call(core::ShardIndex shard, const core::Counters& counters);
  // Before a shard sleeps.
  void check_policy(core::ShardIndex shard);
  void policy_changed() {
    policy_at_ = step();
    policy_us_ = now_us_;
  }
  // From now on nobody sends anything new, and everybody reads at once.
  void resting() { resting_at_ = order_; }
  // From now on nothing new is taken and nobody is let in, but what was taken is settled.
  void draining() {
    draining_at_ = order_;
    draining_us_ = now_us_;
  }
  // Nobody who was away is there any more.
  void check_drained();
  void stopping() {
    stopping_at_ = order_;
    stopping_us_ = now_us_;
  }

  // --- At the end.
  // Everything that was sent has come to rest; sessions that live have answered a last ping.
  void check_at_rest();
  // Everybody has gone.
  void check_empty(core::ShardIndex shard, const core::Counters& counters);
  void check_balance(const std::vector<core::Counters>& counters);

  Connection& connection(uint32_t number) { return connections_[number]; }
  const std::vector<Connection>& connections() const { return connections_; }
  Session& session(uint32_t index) { return sessions_[index]; }
  Session& session_of(uint32_t connection) { return sessions_[connections_[connection].session]; }
  const std::vector<Session>& sessions() const { return sessions_; }
  Name& name(uint32_t number) { return names_[number]; }
  const std::vector<Name>& names() const { return names_; }
  SentMessage& message(uint32_t record) { return messages_[record]; }
  size_t messages() const { return messages_.size(); }
  // Whether the owner of the name surely has nothing waiting for it behind its window or its return.
  bool nothing_waits(const Name& name) const;
  std::string describe(const SentMessage& sent) const;
  // Whom it was sent to.
  std::string where(const SentMessage& sent) const;
  TopicOracle& topics() { return topics_; }
  ServiceOracle& services() { return services_; }
  RequestOracle& requests() { return requests_; }
  PresenceOracle& presence() { return presence_; }

 private:
  friend class ServiceOracle;
  friend class RequestOracle;

  struct PeakSample {
    uint64_t at;
    uint64_t queued_bytes;
  };

  // What a shard holds, queued and unsettled together.
  struct Held {
    uint64_t peak = 0;
    uint64_t all = 0;
    uint64_t open_bytes = 0;
    uint64_t bytes_received = 0;
    uint64_t messages_received = 0;
    uint64_t away = 0;    // Of sessions that are away.
    uint64_t memory = 0;  // All that counts.
    uint64_t topic_copies = 0;
  };

  // oracle_message.cc
  uint32_t find_delivered(const v1::Message& message) const;
  void delivered_topic(uint32_t connection, uint32_t record, const v1::Message& message, core::Bytes content);
  bool is_for(const Session& recipient, const SentMessage& sent, const v1::Message& message) const;
  void check_stamps(uint32_t connection, const SentMessage& sent, const v1::Message& message, core::Bytes content);
  void check_arrival(uint32_t connection, uint32_t record);
  void check_tag(uint32_t connection, uint32_t record, const v1::Message& message);
  void count_waiting(SentMessage& sent);
  void check_window(uint32_t connection, uint64_t tag, uint32_t bytes);

  // oracle_refusal.cc
  // Whether each id of the range was sent; otherwise a failure.
  const IdEntry* find_range(uint32_t connection, const v1::Receipt& receipt);
  void refuse(uint32_t connection, uint32_t record, const v1::Receipt& receipt);
  // An empty text if the reason is one that could be true.
  std::string why_illegal(SentMessage& sent, v1::Reason reason);
  bool was_unowned_since(uint32_t name, uint64_t at) const;
  bool any_owner_since(uint32_t name, uint64_t at, bool (*holds)(const Session&, const SentMessage&),
                       const SentMessage& sent) const;
  bool gate_may_be_closed(const SentMessage& sent);
  uint64_t queued_peak_since(uint32_t name, uint64_t at) const;
  Stream& stream(uint32_t session, uint32_t name);

  // oracle_limits.cc
  std::string why_rate_illegal(const SentMessage& sent, uint32_t retry_after_ms);
  void count_passed(const SentMessage& sent);
  void watch_memory(core::ShardIndex shard, const core::Counters& counters, uint64_t within);
  void watch_away(uint64_t within);
  std::string what_is_held() const;
  bool away_was_full_since(uint64_t at_us) const;
  // A newcomer's connection that began then.
  bool may_refuse_for_memory(uint64_t begun_us) const;

  // oracle_outcome.cc
  bool check_seq(uint32_t connection, const v1::Receipts& receipts);
  void take_outcome(uint32_t connection, uint32_t record, const v1::Receipt& receipt);
  std::string why_impossible(const SentMessage& sent, const v1::Receipt& receipt);
  std::string why_no_verdict(const SentMessage& sent, const v1::Receipt& receipt);
  std::string why_not_expired(const SentMessage& sent, bool attempted);
  std::string why_not_lost(const SentMessage& sent, v1::Reason reason, bool attempted);
  void prove_verdicts(uint32_t connection, uint64_t pings);
  // The deliveries of a message: one, none, or of a message to a service several.
  std::vector<Copy> copies_of(const SentMessage& sent) const;
  uint32_t record_of(const SentMessage& sent) const { return static_cast<uint32_t>(&sent - messages_.data()); }
  // An acknowledgement is not what becomes of a request.
  std::string why_overruled(const SentMessage& sent, uint64_t until_us, bool by_refusals_only);
  bool may_be_attempted(const SentMessage& sent) const;
  std::string why_left_out(const SentMessage& sent, uint64_t until_us) const;
  static Delivery* find_delivery(Session& session, uint64_t tag);

  // oracle_session.cc
  void check_name(uint32_t connection, core::ShardIndex shard, core::Bytes name);
  void check_connected(uint32_t connection, const v1::Connected& connected);
  void take_last_id(uint32_t connection, uint64_t last_id);
  void check_away();

  // oracle_credentials.cc
  void check_not_authorized(uint32_t connection);
  void check_revoked();

  // oracle_goodbye.cc
  std::string why_goodbye_illegal(Connection& connection, const v1::Goodbye& goodbye);
  std::string why_taken_over_illegal(const Connection& connection);
  std::string why_name_in_use_illegal(const Connection& connection, uint32_t retry_after_ms);
  bool may_have_to_wait(const Connection& connection, uint32_t retry_after_ms);
  bool lost_contest(const Connection& connection) const;
  void check_silence(const Connection& connection);
  void check_slow(const Connection& connection);
  std::string why_stop_illegal(const Connection& connection) const;

  // oracle_end.cc
  bool may_be_lost(const SentMessage& sent) const;
  bool is_broken(const Session& session) const;
  void check_settled(const Session& sender);
  void check_released(const Session& sender);
  void check_holes(const Session& sender, const std::vector<uint32_t>& records);
  void check_gates(const Session& sender, const Stream& stream, const std::vector<uint32_t>& records);
  void check_logical_order(const Session& sender, const std::vector<uint32_t>& records);
  void check_owner_order(const Session& sender, const std::vector<uint32_t>& records);

  const Scenario& scenario_;
  Coverage& coverage_;
  TopicOracle topics_{*this, coverage_};
  ServiceOracle services_{*this, coverage_};
  RequestOracle requests_{*this, coverage_};
  PresenceOracle presence_{*this, coverage_};
  std::string failure_;
  uint64_t order_ = 0;
  uint64_t now_us_ = 0;
  uint64_t resting_at_ = kNever;
  bool going_down() const { return stopping_at_ != kNever || draining_at_ != kNever; }
  void announced(Connection& connection, const v1::Goodbye& goodbye);

  uint64_t draining_at_ = kNever;
  uint64_t draining_us_ = kNever;
  uint64_t stopping_at_ = kNever;
  uint64_t stopping_us_ = kNever;
  uint64_t policy_at_ = kNever;
  uint64_t policy_us_ = kNever;
  std::vector<uint32_t> revoked_;  // Within the call under way.
  std::vector<SentMessage> messages_;
  std::vector<Connection> connections_;
  std::vector<Session> sessions_;
  std::vector<Program> programs_;
  std::vector<Name> names_;
  // Looked up, never walked.
  absl::flat_hash_map<std::string, uint32_t> name_numbers_;
  absl::flat_hash_map<uint64_t, uint32_t> by_number_;  // Sessions.
  // By shard: falling peaks of what was queued, so that the highest since any step is found.
  std::vector<std::vector<PeakSample>> peaks_;
  std::vector<Held> held_;        // By shard.
  bool memory_is_short_ = false;  // Perhaps: the shards may refuse for it.
  uint64_t memory_short_since_us_ = kNever;
  uint64_t memory_short_until_us_ = kNever;
  uint64_t memory_full_until_us_ = kNever;
  uint64_t away_full_until_us_ = kNever;
  uint64_t clients_took_half_us_ = kNever;  // Of a shard, with its share of the memory.
  std::vector<uint64_t> last_end_at_;       // By shard: when a session ended or lost its connection last.
  std::vector<uint32_t> taken_names_;       // Taken over within the call under way; the new owner is still to come.
  std::vector<uint32_t> away_;              // Sessions without a connection.
};

}  // namespace onehop::sim
