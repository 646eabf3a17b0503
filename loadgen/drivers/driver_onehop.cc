// onehop's own protocol (docs/wire.md) in its smallest correct form: no features, no session that outlives its
// connection, and nothing repeated. Refusals are counted and not repaired, since a load generator is there to show
// them.
#include <deque>
#include <utility>

#include "core/base/limits.h"
#include "core/wire/frame_decoder.h"
#include "loadgen/drivers/driver.h"
#include "loadgen/drivers/message_frames.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::loadgen {
namespace {

// The most that the frame of a message has beside its payload and headers: two names of 64 bytes and a dozen numbers.
constexpr size_t kFrameOverheadMax = 256;
// The length prefix tells the size of a frame in advance. No system under load sends larger frames.
constexpr size_t kFrameBytesMax = (64 << 20) + 1024;

template <typename T>
bool parse(Bytes body, T& out) {
  return out.ParseFromArray(body.data(), static_cast<int>(body.size()));
}

// "REASON_QUEUE_FULL" → "QUEUE_FULL".
template <typename Enum>
std::string_view short_name(const std::string& (*name)(Enum), Enum value, size_t prefix_size,
                            std::string_view unknown) {
  const std::string& text = name(value);
  return text.size() > prefix_size ? std::string_view(text).substr(prefix_size) : unknown;
}

void append_frame(Output& out, const v1::Frame& frame) {
  const size_t size = frame.ByteSizeLong();
  char* at = core::write_varint(out.reserve(core::kLengthBytesMax + size), size);
  frame.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(at));
  out.commit(at + size);
}

class OnehopPeer final : public Peer {
 public:
  OnehopPeer(const DriverOptions& options, PeerOptions peer)
      : options_(options),
        name_(std::move(peer.name)),
        writer_(options.confirm == Confirm::kDelivered ? client::Confirm::kDelivered : client::Confirm::kRefusals,
                options.headers) {}

  void open(Output& out) override {
    v1::Frame frame;
    v1::Connect& connect = *frame.mutable_connect();
    connect.set_name(name_);
    connect.set_protocol_version(core::kProtocolVersion);
    connect.set_software("onehop-loadgen");
    connect.set_token(options_.token);
    connect.set_keepalive_ms(options_.keepalive_ms);
    append_frame(out, frame);
  }

  // There must be room for the largest frame that may follow, so that the broker never has to say QUOTA_EXCEEDED.
  bool may_send() const override {
    return !confirmed() ||
           (untold_ < send_window_ && (untold_ == 0 || untold_bytes_ + frame_bytes_max() <= window_bytes_));
  }

  void write_message(Output& out, const Outgoing& message, Bytes payload) override {
    const uint64_t id = options_.confirm == Confirm::kNone ? 0 : message.id;
    last_id_ = message.id;
    const size_t frame_bytes = writer_.write(out, id, message, payload);
    if (!confirmed()) return;
    sizes_.push_back(static_cast<uint32_t>(frame_bytes));
    untold_bytes_ += frame_bytes;
    ++untold_;
  }

  // The pong says that the broker has admitted or refused everything that came before the ping.
  void ask_what_was_taken(Output& out) override {
    if (options_.confirm != Confirm::kTaken || asked_up_to_ == last_id_) return;
    asked_up_to_ = last_id_;
    append_ping(out, last_id_);
  }

  size_t read(Bytes in, Inbox& inbox, Output& out) override {
    Bytes rest = in;
    while (!ended_) {
      if (last_.is_repeated_by(rest)) {
        inbox.on_message(last_.payload_in(rest), {0, last_.fields().from_session});
        rest.remove_prefix(last_.frame_bytes());
        continue;
      }
      uint64_t size = 0;
      size_t prefix_size = 0;
      const core::LengthState state = core::parse_length(rest, size, prefix_size);
      if (state == core::LengthState::kBad || (state == core::LengthState::kComplete && size > kFrameBytesMax)) {
        end(inbox, "the broker sent a length that no frame has");
      }
      if (ended_ || state != core::LengthState::kComplete || rest.size() - prefix_size < size) break;
      if (const char* wrong = on_frame(rest.substr(0, prefix_size + size), prefix_size, inbox, out)) {
        end(inbox, std::string("the broker sent ") + wrong);
      }
      rest.remove_prefix(prefix_size + size);
    }
    append_ack(out);
    return in.size() - rest.size();
  }

  void write_keepalive(Output& out) override { append_ping(out, 0); }

  void leave(Output& out) override {
    v1::Frame frame;
    frame.mutable_goodbye()->set_code(v1::CODE_NORMAL);
    append_frame(out, frame);
  }

 private:
  bool confirmed() const { return options_.confirm == Confirm::kDelivered; }
  size_t frame_bytes_max() const {
    size_t bytes = options_.payload_bytes_max + kFrameOverheadMax;
    for (const client::Header& header : options_.headers) bytes += header.key.size() + header.value.size() + 16;
    return bytes;
  }

  // Returns what is wrong with the frame, or nullptr.
  const char* on_frame(Bytes frame, size_t prefix_size, Inbox& inbox, Output& out) {
    core::FrameField field;
    const core::ScanError error = core::scan_frame(frame.substr(prefix_size), field);
    if (error != core::ScanError::kNone) return core::describe(error);
    switch (field.number) {
      case v1::Frame::kMessageFieldNumber:
        return on_message(frame, field.body, inbox);
      case v1::Frame::kReceiptsFieldNumber:
        return on_receipts(field.body, inbox);
      case v1::Frame::kFlowFieldNumber:
        return on_flow(field.body, inbox);
      case v1::Frame::kConnectedFieldNumber:
        return on_connected(field.body, inbox);
      case v1::Frame::kPingFieldNumber:
        return on_ping(field.body, out);
      case v1::Frame::kPongFieldNumber:
        return on_pong(field.body, inbox);
      case v1::Frame::kGoodbyeFieldNumber:
        return on_goodbye(field.body, inbox);
      default:
        return nullptr;
    }
  }

  const char* on_connected(Bytes body, Inbox& inbox) {
    v1::Connected connected;
    if (!parse(body, connected) || connected.send_window() == 0) return "a connected that does not parse";
    if (connected.frame_bytes_max() < frame_bytes_max()) {
      end(inbox, "the broker takes frames of " + std::to_string(connected.frame_bytes_max()) +
                     " bytes at the most: its --frame-bytes-max");
      return nullptr;
    }
    send_window_ = connected.send_window();
    window_bytes_ = connected.send_window_bytes();
    inbox.on_ready(connected.server());
    return nullptr;
  }

  const char* on_message(Bytes frame, Bytes body, Inbox& inbox) {
    ArrivedMessage message;
    if (!read_message(body, message)) return "a message that does not parse";
    if (message.delivery_tag != 0) ack_up_to_ = message.delivery_tag;
    last_.remember(frame, message);
    inbox.on_message(message.payload, {message.id, message.from_session});
    return nullptr;
  }

  const char* on_receipts(Bytes body, Inbox& inbox) {
    if (!parse(body, receipts_)) return "receipts that do not parse";
    if (receipts_.seq() != 0) receipts_up_to_ = receipts_.seq();
    for (const v1::Receipt& receipt : receipts_.items()) {
      if (receipt.first_id() == 0 || receipt.first_id() > receipt.last_id() || receipt.last_id() > last_id_) {
        return "a receipt for ids that were never sent";
      }
      if (confirmed()) settle(receipt.first_id(), receipt.last_id());
      const Outcome outcome = client::to_outcome(receipt.outcome());
      const bool plain = outcome == Outcome::kDelivered || receipt.reason() == v1::REASON_UNSPECIFIED;
      inbox.on_told(receipt.first_id(), receipt.last_id(), outcome,
                    plain ? "" : short_name(v1::Reason_Name<v1::Reason>, receipt.reason(), 7, "UNKNOWN_REASON"));
    }
    return nullptr;
  }

  // Takes these messages out of the window.
  void settle(uint64_t first_id, uint64_t last_id) {
    for (uint64_t id = std::max(first_id, oldest_id_); id <= last_id; ++id) {
      uint32_t& size = sizes_[id - oldest_id_];
      if (size == 0) continue;
      untold_bytes_ -= std::exchange(size, 0);
      --untold_;
    }
    for (; !sizes_.empty() && sizes_.front() == 0; ++oldest_id_) sizes_.pop_front();
  }

  const char* on_flow(Bytes body, Inbox& inbox) {
    v1::Flow flow;
    if (!parse(body, flow)) return "a flow that does not parse";
    if (flow.state() == v1::STATE_PAUSE) inbox.on_pause(flow.client(), flow.retry_after_ms());
    if (flow.state() == v1::STATE_RESUME) inbox.on_resume(flow.client());
    return nullptr;
  }

  const char* on_ping(Bytes body, Output& out) {
    v1::Frame pong;
    v1::Ping ping;
    if (!parse(body, ping)) return "a ping that does not parse";
    pong.mutable_pong()->set_nonce(ping.nonce());
    append_frame(out, pong);
    return nullptr;
  }

  const char* on_pong(Bytes body, Inbox& inbox) {
    v1::Pong pong;
    if (!parse(body, pong)) return "a pong that does not parse";
    if (pong.nonce() > last_id_) return "a pong to a ping that was never sent";
    if (pong.nonce() > taken_up_to_)
      inbox.on_told(std::exchange(taken_up_to_, pong.nonce()) + 1, pong.nonce(), Outcome::kAdmitted, "");
    return nullptr;
  }

  const char* on_goodbye(Bytes body, Inbox& inbox) {
    v1::Goodbye goodbye;
    if (!parse(body, goodbye)) return "a goodbye that does not parse";
    std::string why = "the broker said goodbye ";
    why += short_name(v1::Code_Name<v1::Code>, goodbye.code(), 5, "with an unknown code");
    if (!goodbye.text().empty()) why += ": " + goodbye.text();
    end(inbox, why);
    return nullptr;
  }

  void end(Inbox& inbox, const std::string& why) {
    if (std::exchange(ended_, true)) return;
    inbox.on_ended(why);
  }

  void append_ping(Output& out, uint64_t nonce) {
    v1::Frame frame;
    frame.mutable_ping()->set_nonce(nonce);
    append_frame(out, frame);
  }

  void append_ack(Output& out) {
    if (ended_ || (ack_up_to_ == 0 && receipts_up_to_ == 0)) return;
    v1::Ack& ack = *ack_.mutable_ack();
    ack.set_up_to(std::exchange(ack_up_to_, 0));
    ack.set_receipts_up_to(std::exchange(receipts_up_to_, 0));
    append_frame(out, ack_);
  }

  const DriverOptions& options_;
  const std::string name_;
  MessageWriter writer_;
  LastMessage last_;
  // These are members so that their memory is used again.
  v1::Receipts receipts_;
  v1::Frame ack_;
  bool ended_ = false;

  // The acknowledgements to write at the end of this read; 0 if there are none.
  uint64_t ack_up_to_ = 0;
  uint64_t receipts_up_to_ = 0;

  uint64_t last_id_ = 0;
  // With kTaken: the highest ids that the worker has asked about, and that were told.
  uint64_t asked_up_to_ = 0;
  uint64_t taken_up_to_ = 0;
  // With kDelivered: the messages without an outcome. The frame sizes are by id, from oldest_id_; a message with an
  // outcome has 0.
  std::deque<uint32_t> sizes_;
  uint64_t oldest_id_ = 1;
  uint64_t untold_ = 0;
  uint64_t untold_bytes_ = 0;
  uint64_t send_window_ = 0;
  uint64_t window_bytes_ = 0;
};

class OnehopDriver final : public Driver {
 public:
  explicit OnehopDriver(const DriverOptions& options) : options_(options) {}
  std::unique_ptr<Peer> make_peer(PeerOptions options) override {
    return std::make_unique<OnehopPeer>(options_, std::move(options));
  }
  bool tells() const override { return options_.confirm != Confirm::kNone; }

 private:
  const DriverOptions options_;
};

}  // namespace

std::unique_ptr<Driver> make_onehop_driver(const DriverOptions& options) {
  return std::make_unique<OnehopDriver>(options);
}

}  // namespace onehop::loadgen
