// A shard: the clients whose names live here, and everything that happens to their messages. One thread, no clock, no
// socket: see seam.h for what passes between it and its host.
//
// This class is the seam. What it does is in its parts (shard_parts.h), and each says in its header what it owns:
//   links           connections, and which of them are read      link_deadlines  when each is looked at
//   handshake       from a connection to its session              endings         how links end
//   sessions        who is connected or away, by name             client_frames   what clients send beside messages
//   message_path    decode, route, admit, deliver                 permissions     who may send to whom
//   crossing        to other shards and from them
//   outcomes        what becomes of messages, and who is told     flow_control    pause, resume, gates
//   memory_guard    what all shards hold together                 shutdown        drain and stop
//   credential_terms  how long credentials hold, and renewal      revocation      who may stay when the policy changes
//   writer          from queues to sockets                        inspector       what operators ask
//   subscriptions   which topics sessions want                    topics          from a sender to all who want them
//   presence        whom sessions watch, and what they hear       presence_home   who here is connected, for watchers
//   presence_rights who may watch whom
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/base/counters.h"
#include "core/shard/client_report.h"
#include "core/shard/seam.h"
#include "core/shard/shard_config.h"
#include "core/shard/shard_parts.h"

namespace onehop::core {

class Shard final : public ShardInputs {
 public:
  Shard(const ShardConfig& config, Host& host);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  LinkId on_link(const ArrivingLink& arriving, Instant now) override;
  std::span<char> receive_space(LinkId id) override;
  void on_received(LinkId id, size_t size, Instant now) override;
  Submitted submit(LinkId id, const ScannedMessage& message, Bytes body, Instant now) override;
  void on_unread(LinkId id) override;
  void on_writable(LinkId id, Instant now) override;
  void on_end_of_stream(LinkId id, Instant now) override;
  void on_link_failed(LinkId id, Instant now) override;
  void on_parcel(ShardIndex from, Parcel parcel, Instant now) override;
  void on_credit(ShardIndex to, Parcel parcel, Instant now) override;
  void on_answer(Ticket ticket, const Answer& answer, Instant now) override;
  void on_policy_changed(Instant now) override;
  Instant on_tick(Instant now) override;
  void flush(Instant now) override;
  bool flush_wanted() const override { return parts_.writer.flush_wanted(); }
  void set_limits(const Limits& limits, Instant now) override;
  void drain(const Drain& drain, Instant now) override;
  void stop(Instant now) override;
  bool stopped() const override { return parts_.shutdown.stopped(); }

  // What the host holds for the transports of its connections, which counts as memory of clients.
  void set_transport_bytes(uint64_t bytes) { parts_.counters.transport_bytes = bytes; }

  const Counters& counters() const { return parts_.counters; }
  const Limits& limits() const { return parts_.config.limits; }
  // How many links the next flush will write to, or close.
  size_t links_to_write() const { return parts_.writer.links_to_write(); }
  // Whether there are too many clients for another one that resumes no session. The ledger says whether memory is short
  // for all shards.
  bool is_full() const { return parts_.memory.is_full(); }

  // Inspection: for operators, not for the path of a message. See Inspector.
  ClientsFound find_clients(const ClientSearch& search, Instant now);
  std::optional<ClientState> find_client(Bytes name, Instant now);
  SenderState sender_state(Bytes recipient, const Origin& sender, Instant now);
  KnownPermission known_permission(Bytes sender, Bytes recipient) {
    return parts_.inspector.known_permission(sender, recipient);
  }
  uint64_t paused_senders() { return parts_.inspector.paused_senders(); }
  bool kick(Bytes name, Bytes text, Instant now);
  ShardIndex home_of(Bytes name) const { return parts_.inspector.home_of(name); }

 private:
  ShardParts parts_;
};

}  // namespace onehop::core
