// Links: what the host tells the shard about connections, and which of them it reads.
#include "core/shard/links.h"

#include <utility>

#include "core/shard/shard_parts.h"

namespace onehop::core {

Links::~Links() {
  links_.for_each([this](LinkId, Link& link) { link.output.clear(shard_.segments); });
}

LinkId Links::on_link(const ArrivingLink& arriving) {
  const LinkId id = links_.insert();
  Link& link = links_[id.index];
  ++shard_.counters.links;
  link.host = arriving.host;
  link.ageless = !arriving.ages;
  link.last_heard = shard_.now();
  link.deadline = arriving.connect_deadline;
  shard_.deadlines.arm(id.index, link.deadline);
  if (shard_.shutdown.draining()) {
    shard_.endings.refuse_connect(id, link, {}, shard_.shutdown.going_down(shard_.origin_of(id)));
  } else if (const Refusal& refusal = arriving.refusal; refusal.code != 0) {
    const auto code = static_cast<v1::Code>(refusal.code);
    shard_.endings.refuse_connect(id, link, {}, {code, refusal.text, refusal.retry_after_ms});
  } else if (!arriving.unread.empty()) {
    shard_.path.decode(id, link, {arriving.unread, nullptr, &shard_.blocks});
  }
  return id;
}

std::span<char> Links::receive_space(LinkId id) {
  receive_block_ = receive_blocks_.current();
  const Link* const link = links_.find(id);
  const bool chatty = link != nullptr && link->chatty;
  return {receive_block_->data(), chatty ? kChattyReceiveBytes : receive_block_->capacity()};
}

void Links::on_received(LinkId id, size_t size) {
  Link* link = links_.find(id);
  if (link == nullptr) return;
  shard_.counters.bytes_received += size;
  link->last_heard = shard_.now();
  link->pinged = false;
  Input in{{receive_block_->data(), size}, receive_block_, &shard_.blocks};
  switch (link->state) {
    case LinkState::kLobby:
    case LinkState::kOpen:
      shard_.client_frames.begin_read();
      shard_.path.decode(id, *link, in);
      link->chatty =
          shard_.client_frames.handled_in_read() > (link->chatty ? kManyControlFrames / 16 : kManyControlFrames);
      return;
    case LinkState::kAsking:
    case LinkState::kLeaving:
      shard_.counters.decoder_bytes -= link->decoder.held_bytes();
      link->decoder.save(in);
      shard_.counters.decoder_bytes += link->decoder.held_bytes();
      return;
    case LinkState::kClosing:
      return;  // Nothing it says matters any more.
  }
}

Submitted Links::submit(LinkId id, const ScannedMessage& message, Bytes body) {
  Link* link = links_.find(id);
  if (link == nullptr || link->state != LinkState::kOpen) return Submitted::kEnds;
  link->last_heard = shard_.now();
  link->pinged = false;
  const Submitted result = link->waits() ? Submitted::kWaits : shard_.path.submit(id, *link, message, body);
  if (result == Submitted::kWaits) stop_reading(*link);
  return result;
}

void Links::on_unread(LinkId id) {
  if (Link* link = links_.find(id)) link->unread = true;
}

void Links::on_writable(LinkId id) {
  Link* link = links_.find(id);
  if (link == nullptr) return;
  link->blocked = false;
  shard_.writer.mark_dirty(id, *link);
}

void Links::on_end_of_stream(LinkId id) {
  Link* link = links_.find(id);
  // A link that is leaving meets the end of its stream again at its home.
  if (link == nullptr || link->state == LinkState::kClosing || link->state == LinkState::kLeaving) return;
  shard_.endings.end_link_in_order(id, *link, {v1::CODE_UNSPECIFIED, "the peer ended the stream", 0},
                                   SessionThen::kDetach);
}

void Links::on_link_failed(LinkId id) {
  Link* link = links_.find(id);
  if (link == nullptr) return;
  const Farewell farewell{v1::CODE_UNSPECIFIED, "the connection broke", 0};
  if (Session* session = shard_.sessions.find(link->session)) {
    shard_.sessions.end_or_detach(link->session, *session, farewell, SessionThen::kDetach);
  }
  shard_.endings.forget_link(id, *link);
}

// While a link is not read, the clocks of its life and of its unfinished frame stand.
void Links::stop_reading(Link& link) {
  link.partial_since = Instant::never();
  if (!std::exchange(link.reading, false)) return;
  ++shard_.counters.reading_stopped;
  shard_.host.set_reading(link.host, false);
}

void Links::resume_reading(Link& link) {
  if (std::exchange(link.reading, true)) return;
  link.last_heard = shard_.now();
  link.pinged = false;
  const Session* session = shard_.sessions.find(link.session);
  Backlog* const backlog = session == nullptr ? nullptr : session->backlog.get();
  if (backlog != nullptr && backlog->window_full_since != Instant::never()) backlog->window_full_since = shard_.now();
  shard_.host.set_reading(link.host, true);
}

// Links that waited go on with what they had sent already.
void Links::resume_decoding() {
  for (const LinkId id : std::exchange(resumable_, {})) {
    Link* link = links_.find(id);
    if (link == nullptr || link->state != LinkState::kOpen || link->waits()) continue;
    resume_reading(*link);
    shard_.deadlines.arm_earlier(id.index, shard_.deadlines.next_due(*link, shard_.sessions.find(link->session)));
    shard_.path.decode(id, *link, {{}, nullptr, &shard_.blocks});
  }
}

}  // namespace onehop::core
