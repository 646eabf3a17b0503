// Client: what it does wrong once its session is open. Each deserves the goodbye that wire.md names.
#include <string>

#include "sim/client.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace onehop::sim {

void Client::misbehave() {
  Connection& connection = world_.oracle.connection(connection_);
  connection.deserve(v1::CODE_PROTOCOL_ERROR);
  state_ = State::kMute;
  switch (misdeed_) {
    case Misdeed::kGarbage: {
      // Nobody knows what it looks like to the broker.
      connection.deserved_codes = UINT32_MAX;
      const uint32_t count = random_.between(1, 300);
      for (uint32_t i = 0; i < count; ++i) outbox_.push_back(static_cast<char>(random_.next()));
      world_.coverage.add(Provoked::kGarbage);
      break;
    }
    case Misdeed::kZeroLength:
      outbox_.push_back('\0');
      break;
    case Misdeed::kUnfinished:
      append_varint(outbox_, random_.between(100, 10'000));
      outbox_ += "\x1A\x10";
      break;
    case Misdeed::kLargeFrame:
      connection.deserved_codes = 1u << v1::CODE_FRAME_TOO_LARGE;
      append_varint(outbox_, world_.scenario.limits.frame_bytes_max + random_.between(1, 1 << 20));
      outbox_ += "\x1A\x10";
      break;
    case Misdeed::kTwoFields:
      outbox_.append("\x16\x3A\x09\x09\1\2\3\4\5\6\7\x08\x42\x09\x09\1\2\3\4\5\6\7\x08", 23);
      break;
    case Misdeed::kUnknownFrame:
      outbox_.append("\x03\xA2\x06\x00", 4);  // Field 100.
      break;
    case Misdeed::kVerdict:
    case Misdeed::kBackwardRange:
    case Misdeed::kReceiptsAhead:
      misbehave_with_ack();
      break;
    case Misdeed::kOverQuota:
      if (world_.scenario.confirmed_permille != 0) {
        overdraw();
      } else {
        misbehave_with_ack();
      }
      break;
    case Misdeed::kIdNotRising:
    case Misdeed::kForged:
    case Misdeed::kDeliveredWithoutId:
      misbehave_with_message();
      break;
    default:
      misbehave_with_control();
      break;
  }
  push();
}

void Client::misbehave_with_message() {
  v1::Message& message = *out_.mutable_message();
  message.Clear();
  message.set_client(world_.oracle.name(0).text);
  if (misdeed_ == Misdeed::kIdNotRising) {
    SentMessage sent;
    sent.to = 0;
    sent.id = ++memory_.last_id;
    send_message(message, sent, 10);
  }
  if (misdeed_ == Misdeed::kDeliveredWithoutId) message.set_confirm(v1::CONFIRM_DELIVERED);
  if (misdeed_ == Misdeed::kForged) {
    message.set_id(memory_.last_id + 1);
    const uint32_t what = random_.below(4);
    if (what == 0) message.set_from("somebody");
    if (what == 1) message.set_from_session(7);
    if (what == 2) message.set_delivery_tag(7);
    if (what == 3) message.MergeFromString(std::string("\xC8\x01\x07"));  // 25, kept for the broker.
  }
  append_frame(outbox_, out_);
}

void Client::misbehave_with_control() {
  switch (misdeed_) {
    case Misdeed::kConnectTwice:
      out_.mutable_connect()->Clear();
      break;
    case Misdeed::kPauseFlow:
      out_.mutable_flow()->Clear();
      out_.mutable_flow()->set_client(world_.oracle.name(0).text);
      out_.mutable_flow()->set_state(v1::STATE_PAUSE);
      break;
    default:  // kLargeControl
      world_.oracle.connection(connection_).deserved_codes = 1u << v1::CODE_FRAME_TOO_LARGE;
      out_.mutable_goodbye()->Clear();
      out_.mutable_goodbye()->set_text(std::string((16 << 10) + random_.below(100), 'x'));
      if (out_.ByteSizeLong() > world_.scenario.limits.frame_bytes_max)
        out_.mutable_goodbye()->mutable_text()->resize(16 << 10);
      break;
  }
  append_frame(outbox_, out_);
}

void Client::misbehave_with_ack() {
  constexpr uint64_t kNeverGiven = uint64_t{1} << 50;
  v1::Ack& ack = *out_.mutable_ack();
  ack.Clear();
  if (misdeed_ == Misdeed::kVerdict) {
    const uint32_t what = random_.below(3);
    if (what == 0) ack.set_up_to(kNeverGiven);
    if (what == 1) ack.add_refused()->set_delivery_tag(kNeverGiven);
    if (what == 2) ack.add_taken()->set_last(kNeverGiven);
  } else if (misdeed_ != Misdeed::kReceiptsAhead) {
    ack.add_taken()->set_first(2);
    ack.mutable_taken(0)->set_last(1);
  } else {
    ack.set_receipts_up_to(kNeverGiven);
  }
  // None of it is applied.
  if (!memory_.open.empty()) add_refusal(ack, memory_.open.front().tag);
  append_frame(outbox_, out_);
  Connection& connection = world_.oracle.connection(connection_);
  connection.misdeed_end = connection.sent_bytes + outbox_.size();
}

// More messages to be confirmed than the send window allows, whatever has become of those before.
void Client::overdraw() {
  Connection& connection = world_.oracle.connection(connection_);
  connection.deserved_codes = 1u << v1::CODE_QUOTA_EXCEEDED;
  memory_.has_session = false;  // It could not repeat so many.
  const uint32_t large = world_.scenario.limits.frame_bytes_max - 400;
  const bool by_bytes = world_.scenario.limits.send_window > 40;
  const uint64_t bytes = world_.scenario.limits.send_bytes_max();
  const uint64_t count = by_bytes ? bytes / large + 1 : world_.scenario.limits.send_window;
  const uint32_t name = pick_name();
  for (uint64_t i = 0; i <= count; ++i) {
    v1::Message& message = *out_.mutable_message();
    message.Clear();
    message.set_client(world_.oracle.name(name).text);
    message.set_confirm(v1::CONFIRM_DELIVERED);
    SentMessage sent;
    sent.to = name;
    sent.id = ++memory_.last_id;
    sent.confirmed = true;
    send_message(message, sent, by_bytes ? large : random_.below(50));
  }
  // What is refused at once frees its bytes at once, but not its place.
  if (!by_bytes) connection.misdeed_end = connection.sent_bytes + outbox_.size();
}

}  // namespace onehop::sim
