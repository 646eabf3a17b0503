// Shard: out it goes. The only place where a shard writes, closes, hands over and posts.
#include <algorithm>
#include <array>
#include <utility>

#include "core/shard.h"

namespace onehop::core {
namespace {

// Pieces of one gathered write; what the kernel takes at once is 1,024, but a socket buffer is full long before.
constexpr size_t kPiecesMax = 64;

}  // namespace

void Shard::flush(Instant now) {
  flush_wanted_ = false;
  resume_decoding(now);
  if (memory_turn_) end_largest(now);
  if (goodbyes_due_ != Instant::never() && (stops_outstanding_ == 0 || goodbyes_due_ <= now)) say_goodbyes(now);
  flush_dirty(now);
  count_spare_output();
  watch_memory(now);
  post_parcels();
  flush_wanted_ = !resumable_.empty() || !dirty_.empty() || memory_turn_;
}

// Links that waited go on with what they had sent already.
void Shard::resume_decoding(Instant now) {
  for (const LinkId id : std::exchange(resumable_, {})) {
    Link* link = links_.find(id);
    if (link == nullptr || link->state != LinkState::kOpen || waits(*link)) continue;
    resume_reading(*link, now);
    wheel_.arm_earlier(id.index, next_due(*link, sessions_.find(link->session)));
    decode(id, *link, {{}, nullptr, &blocks_}, now);
  }
}

void Shard::flush_dirty(Instant now) {
  // Writing makes others dirty: those that are told to resume. They come behind, once.
  for (size_t i = 0; i < dirty_.size(); ++i) {
    const LinkId id = dirty_[i];
    Link* link = links_.find(id);
    if (link == nullptr) continue;
    link->dirty = false;
    flush_link(id, *link, now);
  }
  dirty_.clear();
}

void Shard::flush_link(LinkId id, Link& link, Instant now) {
  if (link.state == LinkState::kLeaving) {
    ++counters_.hand_overs;
    host_.hand_over(link.host, link.home, link.decoder.saved(), link.deadline);
    return forget_link(id, link);
  }
  Session* session = sessions_.find(link.session);
  for (;;) {
    if (session != nullptr) encode_control(id, link, *session);
    const bool waiting = session != nullptr && session->backlog != nullptr && session->backlog->has_unsent();
    if (waiting) pump(link.session, *session, link, now);
    if (link.blocked || link.output.empty()) break;
    write_queue(id, link, now);
    // Once more for what waited behind what has gone out just now.
  }
  // An idle client is pinged and says pong: neither is worth memory until the next time.
  if (session != nullptr && session->control != nullptr && session->control->empty() && !session->control->keeps_room())
    session->control.reset();
  if (link.state == LinkState::kClosing) {
    drop_decoder(link);
    if (!link.output.empty() && now < link.deadline) return;
    host_.close(link.host, link.output.empty() ? CloseHow::kGraceful : CloseHow::kAtOnce);
    return forget_link(id, link);
  }
  if (session != nullptr && session->senders != nullptr && queued_for(*session, &link) <= config_.limits.low_mark()) {
    release_senders(link.session, *session);
  }
}

// Control frames go behind what is queued, but only once those encoded before have gone out: so what a client is told
// takes a bounded place in its queue, however long it does not listen.
void Shard::encode_control(LinkId id, Link& link, Session& session) {
  if (link.control_bytes_left != 0) return;
  size_t size = 0;
  if (session.has_receipts) {
    session.has_receipts = false;
    size += session.sending->receipts.encode(link.output, segments_, scratch_frame_);
  }
  if (session.control != nullptr) size += session.control->encode(link.output, segments_, scratch_frame_);
  if (size == 0) return;
  counters_.queued_bytes += size;
  link.control_bytes_left = static_cast<uint32_t>(link.output.bytes());
  if (!link.waits_for_control) return;
  link.waits_for_control = false;
  resumable_.push_back(id);
}

void Shard::write_queue(LinkId id, Link& link, Instant now) {
  std::array<Iov, kPiecesMax> pieces;
  while (!link.output.empty()) {
    const size_t count = link.output.gather(pieces);
    size_t offered = 0;
    for (size_t i = 0; i < count; ++i) offered += pieces[i].size;
    const size_t taken = host_.write(link.host, {pieces.data(), count});
    link.output.consume(segments_, taken);
    link.control_bytes_left -= static_cast<uint32_t>(std::min<size_t>(link.control_bytes_left, taken));
    counters_.queued_bytes -= taken;
    counters_.bytes_sent += taken;
    if (taken == offered) continue;
    link.blocked = true;
    if (taken != 0 || link.blocked_since == Instant::never()) link.blocked_since = now;
    link.output.own_bodies();
    wheel_.arm_earlier(id.index, link.blocked_since + config_.limits.slow_consumer_ms);
    return;
  }
  link.blocked_since = Instant::never();
}

void Shard::post_parcels() {
  for (ShardIndex shard = 0; shard < config_.count; ++shard) {
    std::vector<Parcel> parcels = posts_[shard].take_filled();
    for (Parcel& parcel : parcels) {
      ++counters_.parcels_posted;
      host_.post(shard, std::move(parcel));
    }
  }
}

}  // namespace onehop::core
