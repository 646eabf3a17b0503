// Client: what it reads.
#include <algorithm>

#include "sim/client.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace onehop::sim {

void Client::read() {
  const core::Bytes readable = world_.network.readable(connection_);
  const size_t size = std::min<size_t>(readable.size(), read_bytes_max_);
  inbox_.append(readable.substr(0, size));
  world_.network.consume(connection_, size);
  core::Bytes rest = inbox_;
  core::Bytes content;
  for (;;) {
    const size_t before = rest.size();
    const Taken taken = take_frame(rest, in_, content);
    if (taken == Taken::kNeedMore) break;
    if (taken == Taken::kBroken) return world_.oracle.fail(connection_, "got bytes that are no frame");
    parsed_ += before - rest.size();
    take(in_, content);
    if (world_.oracle.failed()) return;
  }
  inbox_.erase(0, inbox_.size() - rest.size());
  if (world_.network.at_end(connection_)) end_of_stream();
}

void Client::log(const v1::Frame& frame) const {
  const double ms = static_cast<double>(world_.now_us()) / 1000;
  switch (frame.kind_case()) {
    case v1::Frame::kMessage:
      std::printf("%10.3f connection %u reads message %llu from %s, tag %llu%s\n", ms, connection_,
                  static_cast<unsigned long long>(frame.message().id()), frame.message().from().c_str(),
                  static_cast<unsigned long long>(frame.message().delivery_tag()),
                  frame.message().redelivered() ? ", again" : "");
      return;
    case v1::Frame::kReceipts:
      for (const v1::Receipt& item : frame.receipts().items()) {
        std::printf("%10.3f connection %u reads receipt %llu for %llu to %llu: outcome %d, reason %d\n", ms,
                    connection_, static_cast<unsigned long long>(frame.receipts().seq()),
                    static_cast<unsigned long long>(item.first_id()), static_cast<unsigned long long>(item.last_id()),
                    static_cast<int>(item.outcome()), static_cast<int>(item.reason()));
      }
      return;
    case v1::Frame::kFlow:
      std::printf("%10.3f connection %u reads flow %d for %s, %u ms\n", ms, connection_,
                  static_cast<int>(frame.flow().state()), frame.flow().client().c_str(), frame.flow().retry_after_ms());
      return;
    case v1::Frame::kPong:
      std::printf("%10.3f connection %u reads pong %llu\n", ms, connection_,
                  static_cast<unsigned long long>(frame.pong().nonce()));
      return;
    case v1::Frame::kGoodbye:
      std::printf("%10.3f connection %u reads goodbye %d\n", ms, connection_, static_cast<int>(frame.goodbye().code()));
      return;
    default:
      std::printf("%10.3f connection %u reads frame %d\n", ms, connection_, static_cast<int>(frame.kind_case()));
  }
}

// It may go when it likes. Most go when nothing of theirs is open.
void Client::take_announcement() {
  answers_drain_ = random_.chance(world_.scenario.drain_answer_permille);
}

void Client::take(const v1::Frame& frame, core::Bytes content) {
  if (world_.verbose) log(frame);
  const Connection& connection = world_.oracle.connection(connection_);
  if (connection.goodbye_seen) return world_.oracle.fail(connection_, "got a frame after goodbye");
  if (!connection.connected_seen && frame.kind_case() != v1::Frame::kConnected &&
      frame.kind_case() != v1::Frame::kGoodbye) {
    return world_.oracle.fail(connection_, "got another frame before Connected");
  }
  switch (frame.kind_case()) {
    case v1::Frame::kConnected:
      return take_connected(frame.connected());
    case v1::Frame::kMessage: {
      const Link::Mark mark = world_.network.mark(connection_, parsed_);
      const uint64_t written_us = mark.unblocked ? mark.at_us : kNever;
      const uint32_t record = world_.oracle.delivered(connection_, frame.message(), content, written_us);
      if (world_.oracle.failed()) return;
      if (world_.oracle.message(record).is_request) note_request(record);
      if (frame.message().delivery_tag() != 0) keep_delivery(frame.message().delivery_tag());
      return;
    }
    case v1::Frame::kReceipts: {
      world_.oracle.receipts(connection_, frame.receipts());
      const bool is_new = frame.receipts().seq() == 0 || frame.receipts().seq() > memory_.receipts_up_to;
      memory_.receipts_up_to = std::max(memory_.receipts_up_to, frame.receipts().seq());
      if (world_.oracle.failed() || !is_new) return;
      for (const v1::Receipt& receipt : frame.receipts().items()) take_receipt(receipt);
      return;
    }
    case v1::Frame::kFlow:
      return take_flow(frame.flow());
    case v1::Frame::kPing:
      world_.coverage.add(Provoked::kBrokerPing);
      if (state_ != State::kOpen || !answers_pings_) return;
      out_.mutable_pong()->set_nonce(frame.ping().nonce());
      append_frame(outbox_, out_);
      return;
    case v1::Frame::kPong:
      return take_pong(frame.pong().nonce());
    case v1::Frame::kSubscribed:
      if (ServiceOracle::is_own(frame.subscribed().ref()))
        return world_.oracle.services().answered(connection_, frame.subscribed());
      return world_.oracle.topics().answered(connection_, frame.subscribed());
    case v1::Frame::kPresence:
      return world_.oracle.presence().told(connection_, frame.presence());
    case v1::Frame::kRenewed:
      awaits_renewed_ = false;
      return world_.oracle.renewed(connection_, frame.renewed());
    case v1::Frame::kGoodbye:
      world_.oracle.goodbye(connection_, frame.goodbye());
      if (frame.goodbye().code() == v1::CODE_PROTOCOL_ERROR) {
        world_.coverage.add(misdeed_ == Misdeed::kUnfinished ? Provoked::kFrameDeadline : Provoked::kProtocolError);
      }
      if (frame.goodbye().code() == v1::CODE_FRAME_TOO_LARGE) world_.coverage.add(Provoked::kFrameTooLarge);
      if (frame.goodbye().grace_ms() != 0) return take_announcement();
      state_ = State::kMute;
      return;
    default:
      return world_.oracle.fail(connection_, "got a frame that the broker does not send");
  }
}

void Client::take_receipt(const v1::Receipt& receipt) {
  if (!ordered_ || !opens_gates_ || receipt.reason() != v1::REASON_QUEUE_FULL) return;
  const Session& session = world_.oracle.session_of(connection_);
  auto entry = std::partition_point(session.ids.begin(), session.ids.end(),
                                    [&receipt](const IdEntry& e) { return e.id < receipt.first_id(); });
  for (; entry != session.ids.end() && entry->id <= receipt.last_id(); ++entry) {
    const SentMessage& sent = world_.oracle.message(entry->record);
    if (sent.to == kNone) continue;  // Only a client has a gate.
    Outgoing& to = outgoing(sent.to);
    if (sent.logical != 0) to.refused.push_back(sent.logical);
    to.retry_at_us = world_.now_us() + receipt.retry_after_ms() * 1000ull;
    if (to.gate != GateState::kOpen) continue;
    // All that is sent to that name now is refused as well. When the pong is there, every refusal is.
    to.gate = GateState::kAwaitPong;
    if (state_ != State::kOpen) continue;
    ping();
    to.barrier = world_.oracle.connection(connection_).pings.size();
  }
}

void Client::take_flow(const v1::Flow& flow) {
  if (flow.target_case() == v1::Flow::kService) return take_service_flow(flow);
  const Link::Mark mark = world_.network.mark(connection_, parsed_);
  world_.oracle.flow(connection_, flow, mark.at_us, mark.unblocked);
  if (world_.oracle.failed()) return;
  Outgoing& to = outgoing(world_.oracle.intern(flow.client()));
  if (flow.state() == v1::STATE_PAUSE) {
    to.paused_until_us = world_.now_us() + flow.retry_after_ms() * 1000ull;
    return;
  }
  to.paused_until_us = 0;
  to.retry_at_us = std::min(to.retry_at_us, world_.now_us());
}

void Client::take_pong(uint64_t nonce) {
  world_.oracle.pong(connection_, nonce);
  if (world_.oracle.failed()) return;
  // What was sent before that ping has arrived.
  std::erase_if(memory_.given, [nonce](const Memory::Given& given) { return given.ping <= nonce; });
  std::erase_if(memory_.kept, [this](const Memory::Kept& kept) { return world_.oracle.message(kept.record).settled; });
  for (Outgoing& to : outgoing_) {
    if (to.gate != GateState::kAwaitPong || to.barrier == 0 || nonce < to.barrier) continue;
    to.gate = GateState::kAwaitRetry;
    std::sort(to.refused.begin(), to.refused.end());
  }
}

}  // namespace onehop::sim
