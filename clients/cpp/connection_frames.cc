// The frames of a connection: what a client says first, and what it does about each that arrives.
#include <algorithm>
#include <utility>

#include "client/connection.h"
#include "core/base/limits.h"
#include "core/wire/message_scan.h"
#include "message/message_codec.h"

namespace onehop::client {
namespace {

// A stamped frame to a client may be so much longer than the sender's.
constexpr size_t kStampBytesMax = 512;
// Frames of the broker that are not messages are not bound by a recipient's frame limit.
constexpr size_t kFrameBytesMaxFloor = 64 << 10;
// How much longer than its grace a broker may take to end by itself: it settles what is open, and tells it.
constexpr uint64_t kGraceMarginMs = 1'000;
// Whoever lost a broker at the same time as this client has found another one after so long.
constexpr uint32_t kReturnMs = 10'000;

// A number that the library has no name for stays one.
Code to_code(v1::Code code) {
  return code >= 0 && code <= UINT8_MAX ? static_cast<Code>(code) : static_cast<Code>(UINT8_MAX);
}

template <typename Frame>
bool parse(core::Bytes body, Frame& out) {
  return out.ParseFromArray(body.data(), static_cast<int>(body.size()));
}

}  // namespace

void ClientEngine::Impl::append_connect() {
  v1::Frame frame;
  v1::Connect& connect = *frame.mutable_connect();
  connect.set_name(session_ ? session_->name : options_.resume ? options_.resume->name : options_.name);
  connect.set_protocol_version(core::kProtocolVersion);
  connect.set_software(options_.software.empty() ? "onehop-cpp/" ONEHOP_VERSION : options_.software);
  connect.set_keepalive_ms(options_.keepalive_ms);
  connect.set_on_conflict(options_.on_conflict == OnConflict::kTakeOver ? v1::ON_CONFLICT_TAKE_OVER
                                                                        : v1::ON_CONFLICT_REJECT);
  connect.set_token(credentials_.for_connect());
  connect.set_frame_bytes_max(options_.frame_bytes_max);
  connect.set_features(core::kFeatureOrderedRefusals | core::kFeatureRenewal | core::kFeatureTopics |
                       core::kFeatureReplies);
  connect.set_session_expiry_ms(options_.session_expiry_ms);
  connect.set_receive_window(options_.receive_window);
  if (session_) {
    connect.set_resume_token(session_->token);
    connect.set_attempt(++session_->attempt);
    connect.set_receipts_up_to(sender_.receipts_seen());
    receiver_.tell_in(connect);
  }
  sender_.append_frame(frame);
}

// All that there is to acknowledge, in as few frames as it fits into.
void ClientEngine::Impl::append_acks() {
  while (receiver_.has_news() || sender_.owes_receipts_ack()) {
    v1::Ack& ack = *ack_.mutable_ack();
    ack.Clear();
    ack.set_session(receiver_.session());
    receiver_.tell(ack);
    const bool for_receipts = sender_.owes_receipts_ack();
    if (for_receipts) ack.set_receipts_up_to(sender_.receipts_seen());
    sender_.append_frame(ack_);
    if (for_receipts) sender_.receipts_acked();
  }
  if (receiver_.wants_ping()) receiver_.pinged(sender_.append_ping());
}

const char* ClientEngine::Impl::on_frame(core::Bytes frame, core::Instant now) {
  core::FrameField field;
  const core::ScanError error = core::scan_frame(frame, field);
  return error == core::ScanError::kNone ? on_frame_kind(field.number, field.body, now) : core::describe(error);
}

const char* ClientEngine::Impl::on_frame_kind(uint32_t kind, core::Bytes body, core::Instant now) {
  if (kind == v1::Frame::kGoodbyeFieldNumber) return on_goodbye(body, now);
  if (state_ == State::kHandshake) {
    return kind == v1::Frame::kConnectedFieldNumber ? on_connected(body, now) : "another first frame than connected";
  }
  switch (kind) {
    case v1::Frame::kMessageFieldNumber:
      return on_message(body, now);
    case v1::Frame::kConnectedFieldNumber:
      return "connected twice";
    case v1::Frame::kReceiptsFieldNumber: {
      v1::Receipts receipts;
      if (!parse(body, receipts)) return "receipts that do not parse";
      sender_.on_receipts(receipts, now);
      return nullptr;
    }
    case v1::Frame::kFlowFieldNumber: {
      v1::Flow flow;
      if (!parse(body, flow)) return "a flow that does not parse";
      sender_.on_flow(flow, now);
      return nullptr;
    }
    case v1::Frame::kPingFieldNumber: {
      v1::Ping ping;
      if (!parse(body, ping)) return "a ping that does not parse";
      pong_owed_ = ping.nonce();
      return nullptr;
    }
    case v1::Frame::kPongFieldNumber: {
      v1::Pong pong;
      if (!parse(body, pong)) return "a pong that does not parse";
      sender_.on_pong(pong.nonce(), now);
      receiver_.on_pong(pong.nonce());
      if (pong.nonce() == parting_.ping && pong.nonce() != 0) {
        parting_.ping = 0;
        ++parting_.round_trips;
      }
      events_.on_pong(pong.nonce());
      return nullptr;
    }
    case v1::Frame::kRenewedFieldNumber:
      return state_ == State::kOpen ? credentials_.on_renewed(body, now) : nullptr;
    case v1::Frame::kSubscribedFieldNumber:
      return state_ == State::kOpen ? subscriptions_.on_subscribed(body, now) : nullptr;
    default:
      return nullptr;
  }
}

const char* ClientEngine::Impl::on_connected(core::Bytes body, core::Instant now) {
  v1::Connected connected;
  if (!parse(body, connected)) return "a connected that does not parse";
  if (connected.protocol_version() != core::kProtocolVersion) return "a protocol version it was not offered";
  if (connected.keepalive_ms() == 0 || connected.frame_bytes_max() == 0 || connected.send_window() == 0 ||
      connected.send_window_bytes() == 0) {
    return "a connected without the values in force";
  }
  const bool resumed = connected.resumed();
  if (resumed && (!session_ || session_->session != connected.session())) return "a session that was not asked for";
  const uint32_t prove_ms = prove_ms_of(connected);
  change_to(State::kOpen, core::Instant::never());
  ever_opened_ = true;
  name_in_use_since_.reset();
  opened_ = now;
  keepalive_ms_ = connected.keepalive_ms();
  ttl_ms_max_ = connected.ttl_ms_max();
  const size_t own_max = options_.frame_bytes_max != 0 ? options_.frame_bytes_max : connected.frame_bytes_max();
  frame_bytes_max_ = std::max(own_max + kStampBytesMax, kFrameBytesMaxFloor);
  if (resumed) {
    receiver_.resumed();
  } else {
    receiver_.begin(connected.session());
  }
  session_ = {connected.name(), connected.session(), connected.resume_token(), resumed ? session_->attempt : 0};
  outlives_ = connected.session_expiry_ms() != 0;
  sender_.open({.resumed = resumed,
                .last_id = connected.last_id(),
                .frame_bytes_max = connected.frame_bytes_max(),
                .send_window = connected.send_window(),
                .send_window_bytes = connected.send_window_bytes(),
                .ttl_ms_max = connected.ttl_ms_max(),
                .prove_ms = prove_ms},
               now);
  credentials_.opened(connected, now);
  subscriptions_.opened(connected);
  events_.on_open(to_session_info(connected));
  return nullptr;
}

// For how long those whom this client knew may still be on their way to this broker. A client that has lost its session
// is on such a way itself; of one that has not, this was known when the session began.
uint32_t ClientEngine::Impl::prove_ms_of(const v1::Connected& connected) const {
  const bool returns = ever_opened_ || options_.resume;
  const uint32_t told_ms = returns || options_.patient_at_start ? connected.start_grace_ms() : 0;
  const uint32_t grace_ms = std::max(told_ms, options_.names_may_come_ms);
  if (connected.resumed()) return ever_opened_ ? 0 : grace_ms;
  return std::max(grace_ms, returns ? kReturnMs : 0);
}

const char* ClientEngine::Impl::on_message(core::Bytes body, core::Instant now) {
  Message message;
  if (!read_message(body, headers_, message)) return "a message that does not parse";
  if (message.tag) {
    // What can no longer be acknowledged is not handed out: it would be lost for its sender, or come again.
    const uint32_t ttl_ms = message.redelivered   ? message.ttl_left_ms
                            : message.ttl_ms == 0 ? ttl_ms_max_
                                                  : std::min(message.ttl_ms, ttl_ms_max_);
    if (is_leaving() || !receiver_.receive(message.tag.tag, now + ttl_ms)) return nullptr;
    message.tag.session = receiver_.session();
  }
  const bool may_be_reply = message.in_reply_to != 0 && message.in_reply_to_session == receiver_.session();
  const uint64_t ticket = may_be_reply ? sender_.take_reply(message.in_reply_to) : 0;
  const bool handled = ticket == 0 ? events_.on_message(message) : events_.on_reply(ticket, message);
  if (options_.ack != AckMode::kAuto) return nullptr;
  if (handled) {
    receiver_.take(message.tag);
  } else {
    receiver_.refuse(message.tag, {.text = kHandlerFailedText});
  }
  return nullptr;
}

const char* ClientEngine::Impl::on_goodbye(core::Bytes body, core::Instant now) {
  v1::Goodbye goodbye;
  if (!parse(body, goodbye)) return "a goodbye that does not parse";
  Ending ending{.cause = Ending::Cause::kGoodbye,
                .code = to_code(goodbye.code()),
                .text = goodbye.text(),
                .retry_after_ms = goodbye.retry_after_ms(),
                .use_server = goodbye.use_server()};
  if (goodbye.grace_ms() != 0 && state_ == State::kOpen) {
    // The broker takes nothing new, but still tells what became of what it has, and delivers: that is waited for.
    return_at_ = now + ending.retry_after_ms;
    grace_end_ = now + goodbye.grace_ms() + kGraceMarginMs;
    parting_ = {.tag = receiver_.received_up_to()};
    announced_ = std::move(ending);
    sender_.hold_all();
  } else {
    lose(std::move(ending), now);
  }
  return nullptr;
}

}  // namespace onehop::client
