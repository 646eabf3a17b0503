// Writer: see the header.
#include "core/shard/writer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/shard/shard_parts.h"

namespace onehop::core {
namespace {

// Pieces of one gathered write. The kernel takes 1,024 at once, but a socket buffer is full long before.
constexpr size_t kPiecesMax = 64;

}  // namespace

void Writer::flush_dirty() {
  // Writing makes others dirty: those that are told to resume. They come behind, once.
  for (size_t i = 0; i < dirty_.size(); ++i) {
    const LinkId id = dirty_[i];
    Link* link = shard_.links.find(id);
    if (link == nullptr) continue;
    link->dirty = false;
    flush_link(id, *link);
  }
  dirty_.clear();
}

void Writer::flush_link(LinkId id, Link& link) {
  if (link.state == LinkState::kLeaving) {
    ++shard_.counters.hand_overs;
    shard_.host.hand_over(link.host, link.home, link.decoder.saved(), link.deadline);
    return shard_.endings.forget_link(id, link);
  }
  Session* session = shard_.sessions.find(link.session);
  for (;;) {
    if (session != nullptr) encode_control(id, link, *session);
    const bool waiting = session != nullptr && session->backlog != nullptr && session->backlog->has_unsent();
    if (waiting) shard_.outcomes.pump(link.session, *session, link);
    if (link.blocked || link.output.empty()) break;
    write_queue(id, link);
    // The loop goes round again, because what has just gone out may have made room for what waits behind it.
  }
  // An idle client is pinged and says pong: neither is worth memory until the next time.
  if (session != nullptr && session->control != nullptr && session->control->empty() && !session->control->keeps_room())
    session->control.reset();
  if (link.state == LinkState::kClosing) {
    shard_.endings.drop_decoder(link);
    if (!link.output.empty() && shard_.now() < link.deadline) return;
    shard_.host.close(link.host, link.output.empty() ? CloseHow::kGraceful : CloseHow::kAtOnce);
    return shard_.endings.forget_link(id, link);
  }
  if (session != nullptr && session->is_instance) shard_.services.update(link.session, *session);
  if (session != nullptr && session->senders != nullptr &&
      queued_for(*session, &link) <= shard_.config.limits.low_mark()) {
    shard_.flow.release_senders(link.session, *session);
  }
}

void Writer::encode_control(LinkId id, Link& link, Session& session) {
  if (link.control_bytes_left != 0) return;
  size_t size = 0;
  if (session.has_receipts) {
    session.has_receipts = false;
    size += session.sending->receipts.encode(link.output, shard_.segments, frame_);
  }
  if (session.control != nullptr) {
    const bool feeds = session.control->has_presence();
    size += session.control->encode(link.output, shard_.segments, frame_, shard_.now());
    if (feeds) shard_.presence.fed(link.session);
  }
  if (size == 0) return;
  shard_.counters.queued_bytes += size;
  link.control_bytes_left = static_cast<uint32_t>(link.output.bytes());
  if (!link.waits_for_control) return;
  link.waits_for_control = false;
  shard_.links.may_go_on(id);
}

void Writer::write_queue(LinkId id, Link& link) {
  std::array<Iov, kPiecesMax> pieces;
  while (!link.output.empty()) {
    const size_t count = link.output.gather(pieces);
    size_t offered = 0;
    for (size_t i = 0; i < count; ++i) offered += pieces[i].size;
    const size_t taken = shard_.host.write(link.host, {pieces.data(), count});
    link.output.consume(shard_.segments, taken);
    link.control_bytes_left -= static_cast<uint32_t>(std::min<size_t>(link.control_bytes_left, taken));
    shard_.counters.queued_bytes -= taken;
    shard_.counters.bytes_sent += taken;
    if (taken == offered) continue;
    link.blocked = true;
    if (taken != 0 || link.blocked_since == Instant::never()) link.blocked_since = shard_.now();
    link.output.own_bodies();
    shard_.deadlines.arm_earlier(id.index, link.blocked_since + shard_.config.limits.slow_consumer_ms);
    return;
  }
  link.blocked_since = Instant::never();
}

}  // namespace onehop::core
