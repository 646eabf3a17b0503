// ClientFrames: what each kind of frame does.
#include "core/shard/client_frames.h"

#include <bit>
#include <optional>
#include <utility>

#include "core/base/name.h"
#include "core/base/name_hash.h"
#include "core/shard/shard_parts.h"

namespace onehop::core {

void ClientFrames::handle_control(LinkId id, Link& link, Session& session, FrameField field) {
  ++handled_in_read_;
  switch (static_cast<FrameKind>(field.number)) {
    case FrameKind::kAck:
      return handle_ack(id, link, session, field.body);
    case FrameKind::kFlow:
      return handle_flow(id, link, session, field.body);
    case FrameKind::kPing: {
      v1::Ping ping;
      if (!parse_body(field.body, ping)) return shard_.endings.protocol_error(id, link, "Ping does not parse");
      return handle_ping(link.session, session, ping.nonce());
    }
    case FrameKind::kPong: {
      v1::Pong pong;
      if (!parse_body(field.body, pong)) return shard_.endings.protocol_error(id, link, "Pong does not parse");
      return;  // That it was heard is all it says.
    }
    case FrameKind::kGoodbye: {
      v1::Goodbye goodbye;
      if (!parse_body(field.body, goodbye)) return shard_.endings.protocol_error(id, link, "Goodbye does not parse");
      const bool for_good = goodbye.code() == v1::CODE_NORMAL || goodbye.code() == v1::CODE_UNSPECIFIED;
      return shard_.endings.end_link_in_order(id, link, {v1::CODE_NORMAL, {}, 0},
                                              for_good ? SessionThen::kEnd : SessionThen::kDetach);
    }
    case FrameKind::kRenew:
      return shard_.terms.handle_renew(id, link, session, field.body);
    case FrameKind::kSubscribe:
      return shard_.subscriptions.handle_subscribe(id, link, session, field.body);
    case FrameKind::kUnsubscribe:
      return shard_.subscriptions.handle_unsubscribe(id, link, session, field.body);
    case FrameKind::kWatch:
      return shard_.presence.handle_watch(id, link, session, field.body);
    case FrameKind::kConnect:
      return shard_.endings.protocol_error(id, link, "Connect comes once");
    default:
      return shard_.endings.protocol_error(id, link, "a client may not send this kind of frame");
  }
}

void ClientFrames::handle_ack(LinkId id, Link& link, Session& session, Bytes body) {
  v1::Ack& ack = ack_;
  if (!parse_body(body, ack)) return shard_.endings.protocol_error(id, link, "Ack does not parse");
  if (!speaks_of(session, ack)) {
    ++shard_.counters.stale_acks;
    return;
  }
  if (const Bytes wrong = shard_.outcomes.wrong_with_verdicts(session, ack); !wrong.empty()) {
    return shard_.endings.protocol_error(id, link, wrong);
  }
  if (ack.receipts_up_to() != 0) {
    Sending* sending = session.sending.get();
    if (sending == nullptr || !sending->receipts.acknowledge(ack.receipts_up_to())) {
      return shard_.endings.protocol_error(id, link, "an ack speaks of receipts that were never sent");
    }
  }
  shard_.outcomes.take_verdicts(session, ack);
}

void ClientFrames::handle_flow(LinkId id, Link& link, Session& session, Bytes body) {
  v1::Flow flow;
  if (!parse_body(body, flow)) return shard_.endings.protocol_error(id, link, "Flow does not parse");
  if (flow.state() != v1::STATE_RESUME)
    return shard_.endings.protocol_error(id, link, "a client's Flow may only resume");
  if (flow.target_case() != v1::Flow::kClient) return shard_.endings.protocol_error(id, link, "Flow names no client");
  const Bytes name = flow.client();
  if (!is_valid_name(name)) return shard_.endings.protocol_error(id, link, "the name in Flow breaks the rules");
  // A gate that is not known to be closed has nothing to open, here or elsewhere.
  if (session.sending == nullptr || session.sending->closed_gates.empty()) return;
  const uint64_t hash = name_hash(name, shard_.config.hash_key);
  if (const std::optional<Origin> recipient = session.sending->closed_gates.begin_opening(hash)) {
    shard_.crossing.tell_peer(RecordKind::kOpenGate, shard_.origin_of(link.session), *recipient, recipient->shard);
  }
}

// Refusals of this shard are queued already. Refusals of other shards have arrived when the answers to the barrier
// have.
void ClientFrames::handle_ping(SessionId id, Session& session, uint64_t nonce) {
  Sending* sending = session.sending.get();
  if (sending != nullptr && sending->barriers_outstanding != 0) {
    sending->ping_waits = true;
    sending->waiting_nonce = nonce;
  } else if (sending != nullptr && sending->shards_sent_to != 0) {
    begin_barrier(id, *sending, nonce);
  } else if (PendingControl* control = shard_.outcomes.control_of(session)) {
    control->set_pong(nonce);
  }
}

void ClientFrames::begin_barrier(SessionId id, Sending& sending, uint64_t nonce) {
  sending.nonce = nonce;
  sending.pong_wanted = true;
  sending.barriers_outstanding = static_cast<uint32_t>(std::popcount(sending.shards_sent_to));
  for (uint64_t left = std::exchange(sending.shards_sent_to, 0); left != 0; left &= left - 1) {
    const auto shard = static_cast<ShardIndex>(std::countr_zero(left));
    shard_.crossing.tell_peer(RecordKind::kBarrier, shard_.origin_of(id), {}, shard);
  }
}

void ClientFrames::take_barrier_done(SessionId id, Session& session) {
  Sending& sending = *session.sending;
  if (--sending.barriers_outstanding != 0) return;
  if (PendingControl* control = shard_.outcomes.control_of(session); control != nullptr && sending.pong_wanted) {
    control->set_pong(sending.nonce);
  }
  if (!std::exchange(sending.ping_waits, false)) return;
  handle_ping(id, session, sending.waiting_nonce);
}

}  // namespace onehop::core
