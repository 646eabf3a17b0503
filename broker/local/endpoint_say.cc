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
    window_.receipts_acknowledged();
  }
}

void Endpoint::say(bool all_sent, Instant now) {
  const bool late = departure_.is_late(now);
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
  if (late) return leave(now);
  if (!departure_.begun() || !all_sent || !window_.empty()) return;
  switch (departure_.next(receiver_, now)) {
    case Departure::Step::kStay:
      return;
    case Departure::Step::kPing:
      frame_.mutable_ping()->set_nonce(departure_.ping());
      return write_to_shard(frame_, now);
    case Departure::Step::kLeave:
      return leave(now);
  }
}

void Endpoint::leave(Instant now) {
  frame_.mutable_goodbye()->set_code(v1::CODE_NORMAL);
  write_to_shard(frame_, now);
  state_ = State::kLeft;
}

bool Endpoint::may_say() const {
  return state_ == State::kOpen && link_reading_ && !link_closed_;
}

void Endpoint::abandon(Instant now) {
  departure_.begin(now);
  reading_ = true;
  if (may_say()) return leave(now);
  cut_off(now);
}

// The end of a client that cannot say goodbye, because the shard does not read its link.
void Endpoint::cut_off(Instant now) {
  if (state_ == State::kLeft || state_ == State::kEnded || link_closed_) return;
  if (link_) shard_.on_link_failed(link_, now);
  link_closed_ = true;
  departure_.hear({.cause = Ending::Cause::kGoodbye, .code = client::Code::kNormal}, false);
}

Instant Endpoint::due() const {
  if (state_ == State::kLeft || state_ == State::kEnded || link_closed_) return pauses_.due();
  if (!may_say()) return std::min(pauses_.due(), departure_.deadline());
  const Instant sign_of_life = reading_ ? Instant::never() : heard_at_ + keepalive_ms_ / 2;
  return std::min({pauses_.due(), departure_.due(), sign_of_life});
}

}  // namespace onehop::local
