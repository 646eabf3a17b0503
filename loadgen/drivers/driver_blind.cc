// A forwarder that never looks at what it passes on (bench/blind_forwarder.cc), which is the least that any relay
// costs. Connections have no names; the first one is joined to the second. Messages are onehop's frames as a sender
// writes them, so the generator works as much as it does for the broker.
#include <stdexcept>
#include <utility>

#include "core/wire/frame_decoder.h"
#include "loadgen/drivers/driver.h"
#include "loadgen/drivers/message_frames.h"

namespace onehop::loadgen {
namespace {

class BlindPeer final : public Peer {
 public:
  // The forwarder grants nothing. The worker's first read, which has no bytes, makes the connection ready.
  void open(Output&) override {}

  void write_message(Output& out, const Outgoing& message, Bytes payload) override {
    writer_.write(out, 0, message, payload);
  }

  size_t read(Bytes in, Inbox& inbox, Output&) override {
    if (!std::exchange(ready_, true)) inbox.on_ready("a blind forwarder");
    Bytes rest = in;
    for (;;) {
      if (last_.is_repeated_by(rest)) {
        inbox.on_message(last_.payload_in(rest), {});
        rest.remove_prefix(last_.frame_bytes());
        continue;
      }
      uint64_t size = 0;
      size_t prefix_size = 0;
      const core::LengthState state = core::parse_length(rest, size, prefix_size);
      if (state != core::LengthState::kComplete || rest.size() - prefix_size < size) break;
      core::FrameField field;
      ArrivedMessage message;
      if (core::scan_frame(rest.substr(prefix_size, size), field) != core::ScanError::kNone ||
          field.number != static_cast<uint32_t>(v1::Frame::kMessageFieldNumber) || !read_message(field.body, message)) {
        inbox.on_ended("what was forwarded is no message: is this a forwarder?");
        break;
      }
      last_.remember(rest.substr(0, prefix_size + size), message);
      inbox.on_message(message.payload, {});
      rest.remove_prefix(prefix_size + size);
    }
    return in.size() - rest.size();
  }

  void write_keepalive(Output&) override {}
  void leave(Output&) override {}

 private:
  MessageWriter writer_{client::Confirm::kRefusals};
  LastMessage last_;
  bool ready_ = false;
};

class BlindDriver final : public Driver {
 public:
  std::unique_ptr<Peer> make_peer(PeerOptions) override { return std::make_unique<BlindPeer>(); }
  bool tells() const override { return false; }
  bool routes_by_name() const override { return false; }
};

}  // namespace

std::unique_ptr<Driver> make_blind_driver(const DriverOptions& options) {
  if (options.confirm != Confirm::kNone) throw std::invalid_argument("a blind forwarder tells nothing: --confirm none");
  return std::make_unique<BlindDriver>();
}

}  // namespace onehop::loadgen
