// ConfirmedPeer: see the header.
#include "confirmed_peer.h"

#include <poll.h>

#include <algorithm>

namespace onehop::test {
namespace {

// Of a frame around its payload: tags, lengths, id and so on, with room to spare; and the destination's name.
constexpr size_t kFrameBytesAround = 64 + 255;
constexpr size_t kWrittenBytesMax = 256 << 10;

}  // namespace

ConfirmedPeer::ConfirmedPeer(const std::string& address, const std::string& name, const Options& options)
    : name_(name), client_(address, options.receive_buffer_bytes) {
  static_assert(kReadable == POLLIN && kWritable == POLLOUT);
  connected_ = client_.connect(name, [&options](v1::Connect& connect) {
    connect.set_session_expiry_ms(options.session_expiry_ms);
    connect.set_receive_window(options.receive_window);
    connect.set_features(options.ordered_refusals ? 1 : 0);
  });
  scratch_.mutable_message()->set_confirm(v1::CONFIRM_DELIVERED);
}

bool ConfirmedPeer::may_send(size_t payload_bytes) const {
  return ledger_.open() + unacknowledged_outcomes_ < connected_.send_window() &&
         ledger_.open_bytes() + payload_bytes + kFrameBytesAround <= connected_.send_window_bytes();
}

uint64_t ConfirmedPeer::send(const std::string& to, const std::string& payload) {
  v1::Message& message = *scratch_.mutable_message();
  const uint64_t id = ledger_.add(0);
  message.set_client(to);
  message.set_id(id);
  message.set_payload(payload);
  const std::string bytes = scratch_.SerializeAsString();
  ledger_.set_frame_bytes(id, static_cast<uint32_t>(bytes.size()));
  unwritten_ += delimited(bytes);
  return id;
}

void ConfirmedPeer::set_acknowledging(bool on) {
  acknowledging_ = on;
  acknowledge();
}

void ConfirmedPeer::acknowledge() {
  if (!acknowledging_) return;
  if (highest_tag_ == acknowledged_tag_ && ledger_.seq() == acknowledged_seq_) return;
  v1::Frame frame;
  if (highest_tag_ != acknowledged_tag_) frame.mutable_ack()->set_up_to(highest_tag_);
  if (ledger_.seq() != acknowledged_seq_) frame.mutable_ack()->set_receipts_up_to(ledger_.seq());
  acknowledged_tag_ = highest_tag_;
  acknowledged_seq_ = ledger_.seq();
  unacknowledged_outcomes_ = 0;
  send_frame(frame);
}

void ConfirmedPeer::write() {
  written_ += client_.send_some(std::string_view(unwritten_).substr(written_));
  if (written_ == unwritten_.size() || written_ > kWrittenBytesMax) {
    unwritten_.erase(0, written_);
    written_ = 0;
  }
}

void ConfirmedPeer::read() {
  client_.gather();
  while (const std::optional<v1::Frame> frame = client_.take()) handle(*frame);
  acknowledge();
  if (client_.end() != RawClient::End::kNot && problems_.empty()) problems_.push_back(name_ + ": the stream ended");
}

void ConfirmedPeer::handle(const v1::Frame& frame) {
  switch (frame.kind_case()) {
    case v1::Frame::kMessage:
      ++received_;
      highest_tag_ = std::max(highest_tag_, frame.message().delivery_tag());
      if (on_message) on_message(frame.message());
      return;
    case v1::Frame::kReceipts:
      for (const uint64_t id : ledger_.take(frame.receipts())) {
        if (ledger_.entry(id).confirmed) ++unacknowledged_outcomes_;
        if (on_outcome) on_outcome(id);
      }
      return;
    case v1::Frame::kFlow:
      if (on_flow) on_flow(frame.flow());
      return;
    case v1::Frame::kPing: {
      v1::Frame pong;
      pong.mutable_pong()->set_nonce(frame.ping().nonce());
      return send_frame(pong);
    }
    case v1::Frame::kGoodbye:
      problems_.push_back(name_ + ": goodbye " + v1::Code_Name(frame.goodbye().code()) + ", " + frame.goodbye().text());
      return;
    default:
      problems_.push_back(name_ + ": a frame of kind " + std::to_string(frame.kind_case()));
  }
}

std::vector<std::string> ConfirmedPeer::problems() const {
  std::vector<std::string> all = problems_;
  for (const std::string& problem : ledger_.problems()) all.push_back(name_ + ": " + problem);
  return all;
}

void take_turn(const std::vector<ConfirmedPeer*>& peers, int timeout_ms) {
  std::vector<pollfd> polled;
  polled.reserve(peers.size());
  for (ConfirmedPeer* peer : peers) {
    peer->write();
    const bool ended = peer->client().end() != RawClient::End::kNot;
    polled.push_back({ended ? -1 : peer->client().fd(), peer->wanted(), 0});
  }
  ::poll(polled.data(), polled.size(), timeout_ms);
  for (size_t i = 0; i < peers.size(); ++i) {
    if ((polled[i].revents & ~POLLOUT) != 0) peers[i]->read();
    if (polled[i].revents != 0) peers[i]->write();
  }
}

}  // namespace onehop::test
