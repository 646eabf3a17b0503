// Endpoint: see the header.
#include "local/endpoint.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/base/limits.h"
#include "core/base/utf8.h"
#include "core/wire/control_frames.h"
#include "core/wire/message_scan.h"
#include "core/wire/tags.h"
#include "message/message_codec.h"

namespace onehop::local {
namespace {

using client::Ending;
using client::Outcome;
using client::SendStatus;
using core::Bytes;
using core::Instant;

static_assert(static_cast<int>(client::Destination::kClient) == static_cast<int>(core::Destination::kClient) &&
              static_cast<int>(client::Destination::kTopic) == static_cast<int>(core::Destination::kTopic));

// For a PAUSE that does not say how long.
constexpr uint32_t kPauseMsDefault = 1'000;
constexpr size_t kSoftwareBytesMax = 1 << 10;
constexpr size_t kTokenBytesMax = 14 << 10;

template <typename Enum>
Enum numbered(int number) {
  return number >= 0 && number <= UINT8_MAX ? static_cast<Enum>(number) : static_cast<Enum>(UINT8_MAX);
}

// The body of a frame, if it is a message as the broker writes it: a tag, and a length that fills the frame.
inline Bytes message_in(Bytes frame) {
  const char* const end = frame.data() + frame.size();
  uint64_t size = 0;
  if (frame.front() != core::kFrameMessageTag) return {};
  const char* const body = core::read_varint(frame.data() + 1, end, core::kVarintBytesMax, size);
  return body != nullptr && size == static_cast<uint64_t>(end - body) ? Bytes(body, size) : Bytes();
}

// A message as the shard takes it: its id, and behind it what BodyWriter writes, which begins with the destination.
size_t id_size(uint64_t id) {
  return 1 + core::varint_size(id);
}
// Writes it at `out`; returns where the destination's field begins.
char* write_message(char* out, uint64_t id, const client::BodyWriter& writer) {
  *out++ = core::kIdTag;
  out = core::write_varint(out, id);
  writer.write(out);
  return out;
}

}  // namespace

Endpoint::Endpoint(core::ShardInputs& shard, LocalClientOptions options, LocalClientEvents& events)
    : shard_(shard), options_(std::move(options)), events_(&events) {}

void Endpoint::begin(core::HostLink host, Instant now) {
  link_ = shard_.on_link({host, now + core::kConnectDeadlineMs, {}, {}, false}, now);
  v1::Frame frame;
  v1::Connect& connect = *frame.mutable_connect();
  connect.set_name(options_.name);
  connect.set_protocol_version(core::kProtocolVersion);
  connect.set_software(options_.software);
  connect.set_token(options_.token);
  connect.set_on_conflict(options_.on_conflict == client::OnConflict::kTakeOver ? v1::ON_CONFLICT_TAKE_OVER
                                                                                : v1::ON_CONFLICT_REJECT);
  connect.set_receive_window(options_.receive_window);
  connect.set_frame_bytes_max(options_.frame_bytes_max);
  write_to_shard(frame, now);
}

// The shard takes a Connect of kControlFrameBytesMax; a name and the numbers in it need less than 1 KiB.
std::string Endpoint::what_is_wrong_with(const LocalClientOptions& options) {
  const char* wrong = options.name.empty() ? nullptr : client::what_is_wrong_with_name(options.name);
  if (wrong != nullptr) return std::string("name: ") + wrong;
  if (!core::is_valid_utf8(options.software)) return "software: it is not UTF-8";
  if (options.software.size() > kSoftwareBytesMax) return "software: it is longer than 1 KiB";
  if (options.token.size() > kTokenBytesMax) return "token: it is longer than 14 KiB";
  return {};
}

// What an event throws is the program's own, and is told to it. False if it has thrown.
template <typename Event>
bool Endpoint::tell(Event event) {
  try {
    event();
    return true;
  } catch (...) {
    events_->on_exception(std::current_exception());
    return false;
  }
}

bool Endpoint::append_message(uint64_t id, Bytes to, Bytes payload, const client::SendOptions& options,
                              std::string& out) {
  const client::BodyWriter writer(to, payload, options);
  if (!writer.valid()) return false;
  const size_t before = out.size();
  out.resize(before + id_size(id) + writer.size());
  write_message(out.data() + before, id, writer);
  return true;
}

SendStatus Endpoint::submit(uint64_t id, Bytes body, Instant now) {
  core::ScannedMessage scanned;
  [[maybe_unused]] const core::ScanError error = core::scan_message(body, {}, scanned);
  assert(error == core::ScanError::kNone && scanned.id == id);
  return submit(scanned, body, now);
}

SendStatus Endpoint::send(uint64_t id, Bytes to, Bytes payload, const client::SendOptions& options, Instant now) {
  if (!pauses_.empty() && options.destination == client::Destination::kClient && pauses_.contains(to)) {
    room_.wait_for_resume();
    return SendStatus::kWouldBlock;
  }
  const client::BodyWriter writer(to, payload, options);
  if (!writer.valid()) return SendStatus::kInvalid;
  const size_t size = id_size(id) + writer.size();
  if (body_.size() < size) body_.resize(size);
  const char* const destination = write_message(body_.data(), id, writer);
  core::ScannedMessage scanned;
  scanned.destination_name = {destination + 1 + core::varint_size(to.size()), to.size()};
  scanned.destination = static_cast<core::Destination>(options.destination);
  scanned.id = id;
  scanned.in_reply_to = options.in_reply_to;
  scanned.in_reply_to_session = options.in_reply_to_session;
  scanned.ttl_ms = options.ttl_ms;
  scanned.confirm = static_cast<int32_t>(options.confirm);
  if (options.wants_reply || options.retry_attempted) [[unlikely]] {
    scanned.flags = static_cast<uint8_t>((options.wants_reply ? core::kWantsReply : 0) |
                                         (options.retry_attempted ? core::kRetryAttempted : 0));
  }
  scanned.is_special = core::is_special(scanned);
  return submit(scanned, {body_.data(), size}, now);
}

SendStatus Endpoint::submit(const core::ScannedMessage& scanned, Bytes body, Instant now) {
  if (state_ == State::kEnded || state_ == State::kLeft || link_closed_) return SendStatus::kClosed;
  if (!submits()) {
    room_.wait();
    return SendStatus::kWouldBlock;
  }
  const size_t frame_bytes = Endpoint::frame_bytes(body.size());
  if (frame_bytes > frame_bytes_max_) return SendStatus::kTooLarge;
  const bool confirmed = scanned.confirm == v1::CONFIRM_DELIVERED;
  if (confirmed && !window_.has_room(frame_bytes)) {
    room_.wait_for_window(frame_bytes);
    return SendStatus::kWouldBlock;
  }
  switch (shard_.submit(link_, scanned, body, now)) {
    case core::Submitted::kTaken:
      break;
    case core::Submitted::kWaits:
      room_.wait();
      return SendStatus::kWouldBlock;
    case core::Submitted::kEnds:
      return SendStatus::kClosed;
  }
  heard_at_ = now;
  unflushed_bytes_ += frame_bytes;
  if (confirmed) window_.add(scanned.id, static_cast<uint32_t>(frame_bytes));
  return SendStatus::kAccepted;
}

void Endpoint::tell_room() {
  tell([this] { events_->on_room(); });
}

void Endpoint::tell_outcome(const client::SendResult& result) {
  tell([&] { events_->on_outcome(result); });
}

void Endpoint::mute() {
  struct Silent final : LocalClientEvents {
    void on_message(const client::Message&) override {}
  };
  static Silent silent;
  events_ = &silent;
}

// Everything that has no outcome is unknown: the shard had taken it, and can tell no more.
void Endpoint::end() {
  if (std::exchange(state_, State::kEnded) == State::kEnded) return;
  window_.settle(0, UINT64_MAX,
                 [this](uint64_t id) { tell_outcome({.ticket = id, .id = id, .outcome = Outcome::kUnknown}); });
  Ending ending =
      departure_.goodbye().value_or(Ending{.cause = Ending::Cause::kConnectionLost, .text = "the broker ended"});
  if (ending.code == client::Code::kNormal) ending = {.cause = Ending::Cause::kClosed};
  tell([&] { events_->on_ended(ending); });
}

bool Endpoint::deliver(Instant now) {
  unflushed_bytes_ = 0;
  Bytes frame;
  // What comes of a link that is closed is its goodbye, and what was told before.
  while (reading_ || link_closed_) {
    if (!inbox_.next(frame)) {
      delivered_all_ = true;
      break;
    }
    if (const Bytes message = message_in(frame); !message.empty()) {
      take_message(message, now);
    } else {
      take_frame(frame, now);
    }
  }
  // A message counts in the window until its receipt is acknowledged, so that comes before the question of room.
  if (may_say()) tell_verdicts(now);
  if (inbox_.tidy() && !link_closed_) shard_.on_writable(link_, now);
  if (pauses_.end_due(now)) {
    room_.pause_ended();
    ++pauses_version_;
  }
  return room_.opens(submits(), window_);
}

void Endpoint::take_frame(Bytes bytes, Instant now) {
  core::FrameField field;
  [[maybe_unused]] const core::ScanError error = core::scan_frame(bytes, field);
  assert(error == core::ScanError::kNone && "the shard writes good frames");
  switch (static_cast<core::FrameKind>(field.number)) {
    case core::FrameKind::kMessage:
      return take_message(field.body, now);
    case core::FrameKind::kConnected:
      return take_connected(field.body);
    case core::FrameKind::kReceipts:
      return take_receipts(field.body);
    case core::FrameKind::kFlow:
      return take_flow(field.body, now);
    case core::FrameKind::kPing: {
      v1::Ping ping;
      if (core::parse_body(field.body, ping)) pong_owed_ = ping.nonce();
      return;
    }
    case core::FrameKind::kPong:
      return take_pong(field.body);
    case core::FrameKind::kGoodbye:
      return take_goodbye(field.body);
    default:
      return;
  }
}

void Endpoint::take_connected(Bytes body) {
  v1::Connected connected;
  if (!core::parse_body(body, connected)) return;
  state_ = State::kOpen;
  receiver_.begin(connected.session());
  window_.set_windows(connected.send_window(), connected.send_window_bytes());
  frame_bytes_max_ = connected.frame_bytes_max();
  ttl_ms_max_ = connected.ttl_ms_max();
  keepalive_ms_ = connected.keepalive_ms();
  tell([&] { events_->on_open(client::to_session_info(connected)); });
}

// What can no longer be acknowledged is not handed out: its sender has been told already that it was lost.
void Endpoint::take_message(Bytes body, Instant now) {
  client::Message message;
  if (!client::read_message(body, headers_, message)) return;
  if (message.tag) {
    if (state_ == State::kLeft || link_closed_) return;
    const uint32_t ttl_ms = message.ttl_ms == 0 ? ttl_ms_max_ : std::min(message.ttl_ms, ttl_ms_max_);
    if (!receiver_.receive(message.tag.tag, now + ttl_ms)) return;
    message.tag.session = receiver_.session();
  }
  const bool returned = tell([&] { events_->on_message(message); });
  if (options_.ack != client::AckMode::kAuto || !message.tag) return;
  if (returned) return receiver_.take(message.tag);
  receiver_.refuse(message.tag, {.text = client::kHandlerFailedText});
}

void Endpoint::take_receipts(Bytes body) {
  v1::Receipts receipts;
  if (!core::parse_body(body, receipts)) return;
  receipts_seen_ = std::max(receipts_seen_, receipts.seq());
  for (const v1::Receipt& receipt : receipts.items()) {
    client::SendResult result{.outcome = client::to_outcome(receipt.outcome()),
                              .reason = numbered<client::Reason>(receipt.reason()),
                              .retry_after_ms = receipt.retry_after_ms(),
                              .attempted = receipt.attempted(),
                              .reached = receipt.reached(),
                              .missed = receipt.missed(),
                              .code = receipt.code(),
                              .text = receipt.text()};
    const auto tell_one = [&](uint64_t id) {
      result.ticket = result.id = id;
      tell_outcome(result);
    };
    if (receipts.seq() != 0) {
      window_.settle(receipt.first_id(), receipt.last_id(), tell_one);
    } else {
      for (uint64_t id = receipt.first_id(); id <= receipt.last_id(); ++id) tell_one(id);
    }
  }
}

void Endpoint::take_flow(Bytes body, Instant now) {
  v1::Flow flow;
  if (!core::parse_body(body, flow) || flow.target_case() != v1::Flow::kClient) return;
  ++pauses_version_;
  if (flow.state() == v1::STATE_PAUSE) {
    pauses_.add(flow.client(), now + (flow.retry_after_ms() == 0 ? kPauseMsDefault : flow.retry_after_ms()));
  } else {
    pauses_.remove(flow.client());
    room_.pause_ended();
  }
}

void Endpoint::take_pong(Bytes body) {
  v1::Pong pong;
  if (core::parse_body(body, pong)) departure_.hear_pong(pong.nonce(), receiver_);
}

void Endpoint::take_goodbye(Bytes body) {
  v1::Goodbye goodbye;
  if (!core::parse_body(body, goodbye)) return;
  // The broker's answer to a client that left because of an announcement: that stays the reason.
  if (departure_.goodbye() && state_ == State::kLeft) return;
  departure_.hear({.cause = Ending::Cause::kGoodbye,
                   .code = numbered<client::Code>(goodbye.code()),
                   .text = goodbye.text(),
                   .retry_after_ms = goodbye.retry_after_ms(),
                   .use_server = goodbye.use_server()},
                  goodbye.grace_ms() != 0);
}

}  // namespace onehop::local
