// Shard: what the host tells it about links.
#include "core/shard.h"

#include <cassert>
#include <utility>

#include "core/lobby.h"

namespace onehop::core {

Shard::Shard(const ShardConfig& config, Host& host)
    : config_(config),
      host_(host),
      rates_(config.limits),
      own_ledger_(config.ledger != nullptr
                      ? nullptr
                      : std::make_unique<MemoryLedger>(config.limits.memory_bytes_max, config.count)),
      ledger_(config.ledger != nullptr ? *config.ledger : *own_ledger_),
      posts_(config.count),
      waiting_for_credit_(config.count),
      next_session_(config.first_session + config.index) {
  assert(config.count >= 1 && config.count <= kShardsMax && config.index < config.count);
  look_at_memory();
}

Shard::~Shard() {
  links_.for_each([this](LinkId, Link& link) { link.output.clear(segments_); });
  ledger_.publish(config_.index, 0, 0, 0);
}

LinkId Shard::on_link(const ArrivingLink& arriving, Instant now) {
  const LinkId id = links_.insert();
  Link& link = links_[id.index];
  ++counters_.links;
  link.host = arriving.host;
  link.last_heard = now;
  link.deadline = arriving.connect_deadline;
  wheel_.arm(id.index, link.deadline);
  if (draining_) {
    refuse_connect(id, link, {}, going_down(origin_of({id.index, id.generation})), now);
  } else if (const Refusal& refusal = arriving.refusal; refusal.code != 0) {
    const auto code = static_cast<v1::Code>(refusal.code);
    refuse_connect(id, link, {}, {code, refusal.text, refusal.retry_after_ms}, now);
  } else if (!arriving.unread.empty()) {
    decode(id, link, {arriving.unread, nullptr, &blocks_}, now);
  }
  return id;
}

std::span<char> Shard::receive_space(LinkId id) {
  receive_block_ = receive_blocks_.current();
  const Link* const link = links_.find(id);
  const bool chatty = link != nullptr && link->chatty;
  return {receive_block_->data(), chatty ? kChattyReceiveBytes : receive_block_->capacity()};
}

void Shard::on_received(LinkId id, size_t size, Instant now) {
  Link* link = links_.find(id);
  if (link == nullptr) return;
  counters_.bytes_received += size;
  link->last_heard = now;
  link->pinged = false;
  Input in{{receive_block_->data(), size}, receive_block_, &blocks_};
  switch (link->state) {
    case LinkState::kLobby:
    case LinkState::kOpen:
      control_frames_ = 0;
      decode(id, *link, in, now);
      link->chatty = control_frames_ > (link->chatty ? kManyControlFrames / 16 : kManyControlFrames);
      return;
    case LinkState::kAsking:
    case LinkState::kLeaving:
      counters_.decoder_bytes -= link->decoder.held_bytes();
      link->decoder.save(in);
      counters_.decoder_bytes += link->decoder.held_bytes();
      return;
    case LinkState::kClosing:
      return;  // Nothing it says matters any more.
  }
}

void Shard::on_unread(LinkId id) {
  if (Link* link = links_.find(id)) link->unread = true;
}

void Shard::on_writable(LinkId id, Instant) {
  Link* link = links_.find(id);
  if (link == nullptr) return;
  link->blocked = false;
  mark_dirty(id, *link);
}

void Shard::on_end_of_stream(LinkId id, Instant now) {
  Link* link = links_.find(id);
  // A link that is leaving meets the end of its stream again at its home.
  if (link == nullptr || link->state == LinkState::kClosing || link->state == LinkState::kLeaving) return;
  end_link_in_order(id, *link, {v1::CODE_UNSPECIFIED, "the peer ended the stream", 0}, now, SessionThen::kDetach);
}

void Shard::on_link_failed(LinkId id, Instant now) {
  Link* link = links_.find(id);
  if (link == nullptr) return;
  const Farewell farewell{v1::CODE_UNSPECIFIED, "the connection broke", 0};
  if (Session* session = sessions_.find(link->session)) {
    leave(link->session, *session, farewell, SessionThen::kDetach, now);
  }
  forget_link(id, *link);
}

// While a link is not read, the clocks of its life and of its unfinished frame stand.
void Shard::stop_reading(Link& link) {
  link.partial_since = Instant::never();
  if (!std::exchange(link.reading, false)) return;
  ++counters_.reading_stopped;
  host_.set_reading(link.host, false);
}

void Shard::resume_reading(Link& link, Instant now) {
  if (std::exchange(link.reading, true)) return;
  link.last_heard = now;
  link.pinged = false;
  const Session* session = sessions_.find(link.session);
  Backlog* const backlog = session == nullptr ? nullptr : session->backlog.get();
  if (backlog != nullptr && backlog->window_full_since != Instant::never()) backlog->window_full_since = now;
  host_.set_reading(link.host, true);
}

void Shard::note(Event::Kind kind, const Link& link, Bytes name, uint64_t session, v1::Code code, Bytes text) {
  host_.note({kind, link.host, name, session, static_cast<uint32_t>(code), text});
}

}  // namespace onehop::core
