// What an endpoint tells its shard: verdicts, receipts, signs of life, and its goodbye.
#include <algorithm>
#include <cassert>
#include <cstring>

#include "local/endpoint.h"

namespace onehop::local {

using client::Ending;
using core::Instant;

// Bytes of control frames go where the host's reads go, as the seam wants it.
void Endpoint::write_to_shard(const v1::Frame& frame, Instant now) {
  const size_t length = frame.ByteSizeLong();
  const size_t size = core::varint_size(length) + length;
  const std::span<char> space = shard_.receive_space(link_);
  assert(size <= space.size() && "control frames are small");
  char* out = core::write_varint(space.data(), length);
  frame.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(out));
  heard_at_ = now;
  shard_.on_received(link_, size, now);
}

void Endpoint::tell_verdicts(Instant now) {
  while (receiver_.has_news() || receipts_acknowledged_ != receipts_seen_) {
    frame_.Clear();
    v1::Ack& ack = *frame_.mutable_ack();
    ack.set_session(receiver_.session());
    receiver_.tell(ack);
    if (receipts_acknowledged_ != receipts_seen_) ack.set_receipts_up_to(receipts_seen_);
    receipts_acknowledged_ = receipts_seen_;
    write_to_shard(frame_, now);
    // Nothing gets lost between the two, so nothing needs to be told again.
    receiver_.resumed();
    open_.receipts_acknowledged();
  }
}

void Endpoint::say(bool all_sent, Instant now) {
  const bool late = closing_ && now >= deadline_;
  if (late && !may_say()) return cut_off(now);
  if (!may_say()) return;
  tell_verdicts(now);
  // While it does not read, it sees no ping. It is alive all the same.
  const bool silent = !reading_ && now - heard_at_ >= keepalive_ms_ / 2;
  if (pong_owed_ || silent) {
    frame_.mutable_pong()->set_nonce(pong_owed_.value_or(0));
    pong_owed_.reset();
    write_to_shard(frame_, now);
  }
  if (!closing_) return;
  if (late || (all_sent && open_.empty() && may_leave(now))) leave(now);
}

// Whether what others have sent may be left to itself: so the program wants it, or the broker ends and nothing is on
// its way any more.
bool Endpoint::may_leave(Instant now) {
  if (!goodbye_) return true;
  expired_at_ = receiver_.open_until();
  if (expired_at_ > now) return false;
  expired_at_ = Instant::never();
  if (nothing_comes_ && receiver_.received_up_to() == pinged_at_tag_) return true;
  if (ping_ == 0) {
    ping_ = now.ms + 1;
    pinged_at_tag_ = receiver_.received_up_to();
    frame_.mutable_ping()->set_nonce(ping_);
    write_to_shard(frame_, now);
  }
  return false;
}

void Endpoint::leave(Instant now) {
  frame_.mutable_goodbye()->set_code(v1::CODE_NORMAL);
  write_to_shard(frame_, now);
  said_goodbye_ = true;
}

bool Endpoint::may_say() const {
  return state_ == State::kOpen && link_reading_ && !said_goodbye_ && !link_closed_;
}

void Endpoint::abandon(Instant now) {
  closing_ = true;
  reading_ = true;
  if (may_say()) return leave(now);
  cut_off(now);
}

// The end of a client that cannot say goodbye, because the shard does not read its link.
void Endpoint::cut_off(Instant now) {
  if (said_goodbye_ || link_closed_ || state_ == State::kEnded) return;
  if (link_) shard_.on_link_failed(link_, now);
  link_closed_ = true;
  goodbye_ = Ending{.cause = Ending::Cause::kGoodbye, .code = client::Code::kNormal};
}

Instant Endpoint::due() const {
  if (said_goodbye_ || link_closed_) return pauses_.due();
  if (!may_say()) return std::min(pauses_.due(), deadline_);
  const Instant sign_of_life = reading_ ? Instant::never() : heard_at_ + keepalive_ms_ / 2;
  return std::min({pauses_.due(), deadline_, sign_of_life, expired_at_});
}

}  // namespace onehop::local
