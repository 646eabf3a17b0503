// Shard: sets the time for each input that needs it, and forwards the input to the part that handles it.
#include "core/shard/shard.h"

#include <algorithm>
#include <utility>

namespace onehop::core {

using Now = ShardCommon::Now;

Shard::Shard(const ShardConfig& config, Host& host) : parts_(config, host) {
  parts_.memory.look_at_memory();
}

LinkId Shard::on_link(const ArrivingLink& arriving, Instant now) {
  const Now at(parts_, now);
  return parts_.links.on_link(arriving);
}

std::span<char> Shard::receive_space(LinkId id) {
  return parts_.links.receive_space(id);
}

void Shard::on_received(LinkId id, size_t size, Instant now) {
  const Now at(parts_, now);
  parts_.links.on_received(id, size);
}

Submitted Shard::submit(LinkId id, const ScannedMessage& message, Bytes body, Instant now) {
  const Now at(parts_, now);
  return parts_.links.submit(id, message, body);
}

void Shard::on_unread(LinkId id) {
  parts_.links.on_unread(id);
}

void Shard::on_writable(LinkId id, Instant) {
  parts_.links.on_writable(id);
}

void Shard::on_end_of_stream(LinkId id, Instant now) {
  const Now at(parts_, now);
  parts_.links.on_end_of_stream(id);
}

void Shard::on_link_failed(LinkId id, Instant now) {
  const Now at(parts_, now);
  parts_.links.on_link_failed(id);
}

void Shard::on_parcel(ShardIndex from, Parcel parcel, Instant now) {
  const Now at(parts_, now);
  parts_.crossing.on_parcel(from, parcel);
}

void Shard::on_credit(ShardIndex to, Parcel parcel, Instant) {
  parts_.crossing.on_credit(to, std::move(parcel));
}

void Shard::on_answer(Ticket ticket, const Answer& answer, Instant now) {
  const Now at(parts_, now);
  if (parts_.permissions.on_answer(ticket, answer) || parts_.terms.on_answer(ticket, answer)) return;
  if (parts_.subscription_rights.on_answer(ticket, answer) || parts_.presence_rights.on_answer(ticket, answer)) return;
  parts_.handshake.on_answer(ticket, answer);
}

void Shard::on_policy_changed(Instant now) {
  const Now at(parts_, now);
  parts_.permissions.policy_changed();
  parts_.handshake.policy_changed();
  parts_.terms.policy_changed();
  parts_.subscription_rights.policy_changed();
  parts_.presence_rights.policy_changed();
  parts_.revocation.policy_changed();
}

Instant Shard::on_tick(Instant now) {
  const Now at(parts_, now);
  ShardParts& parts = parts_;
  parts.deadlines.advance();
  parts.sessions.advance();
  const Instant release = parts.flow.release_more();
  const Instant verdicts =
      std::min({parts.permissions.advance(), parts.subscription_rights.advance(), parts.presence_rights.advance()});
  const Instant turn = parts.revocation.advance();
  const Instant replies = parts.requests.advance();
  if (parts.services.next_telling() <= now) parts.writer.want_flush();
  parts.memory.watch_memory();
  const bool has_work = parts.writer.links_to_write() != 0 || parts.links.has_resumable() || parts.memory.has_turn() ||
                        parts.shutdown.goodbyes_due() <= now || parts.crossing.has_filled();
  if (has_work) parts.writer.want_flush();
  return std::min({parts.deadlines.next(), parts.sessions.next(), release, verdicts, turn, replies,
                   parts.services.next_telling(), parts.shutdown.goodbyes_due(), parts.memory.next_look()});
}

// Out it goes. What the parts decided since the last flush reaches sockets and other shards here, and nowhere else.
void Shard::flush(Instant now) {
  const Now at(parts_, now);
  ShardParts& parts = parts_;
  parts.writer.set_flush_wanted(false);
  if (parts.topics.waiting_goes_first()) parts.topics.send_waiting();
  parts.links.resume_decoding();
  parts.topics.send_waiting();
  parts.moves.send_waiting();
  if (parts.memory.has_turn()) parts.memory.end_largest();
  parts.shutdown.say_goodbyes_if_due();
  parts.writer.flush_dirty();
  parts.presence.take_turn();
  parts.presence_home.take_turn();
  parts.memory.count_spare_output();
  parts.memory.watch_memory();
  parts.services.tell_work();
  parts.crossing.post_parcels();
  parts.writer.set_flush_wanted(parts.links.has_resumable() || parts.writer.links_to_write() != 0 ||
                                parts.memory.has_turn() || parts.presence_home.has_turn());
}

void Shard::set_limits(const Limits& limits, Instant now) {
  const Now at(parts_, now);
  const bool other_age =
      !parts_.shutdown.draining() && limits.connection_age_ms_max != parts_.config.limits.connection_age_ms_max;
  parts_.config.limits = limits;
  const bool other_rates = RateLimits(limits) != parts_.rates;
  parts_.rates = RateLimits(limits);
  parts_.ledger.set_bytes_max(limits.memory_bytes_max);
  parts_.sessions.take_new_limits(other_rates);
  parts_.deadlines.take_new_limits(other_age);
  parts_.memory.look_at_memory();
}

void Shard::drain(const Drain& drain, Instant now) {
  const Now at(parts_, now);
  parts_.shutdown.drain(drain);
}

void Shard::stop(Instant now) {
  const Now at(parts_, now);
  parts_.shutdown.stop();
}

ClientsFound Shard::find_clients(const ClientSearch& search, Instant now) {
  const Now at(parts_, now);
  return parts_.inspector.find_clients(search);
}

std::optional<ClientState> Shard::find_client(Bytes name, Instant now) {
  const Now at(parts_, now);
  return parts_.inspector.find_client(name);
}

SenderState Shard::sender_state(Bytes recipient, const Origin& sender, Instant now) {
  const Now at(parts_, now);
  return parts_.inspector.sender_state(recipient, sender);
}

bool Shard::kick(Bytes name, Bytes text, Instant now) {
  const Now at(parts_, now);
  return parts_.inspector.kick(name, text);
}

}  // namespace onehop::core
