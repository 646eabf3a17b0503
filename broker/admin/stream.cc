// Stream: see the header.
#include "admin/stream.h"

#include <array>
#include <utility>

namespace onehop::admin {
namespace {

using reactor::IoResult;
using State = transport::Transport::State;

constexpr size_t kReceiveBytes = 4 << 10;

}  // namespace

class Stream::Words final : public reactor::LastWords {
 public:
  explicit Words(std::unique_ptr<transport::Transport> transport) : transport_(std::move(transport)) {}

  std::string_view unwritten() const override { return transport_->output(); }
  void on_written(size_t size) override { transport_->output_written(size); }

 private:
  const std::unique_ptr<transport::Transport> transport_;
};

IoResult Stream::receive(std::span<char> into) {
  if (transport_ == nullptr) return socket_.receive(into);
  std::array<char, kReceiveBytes> bytes;
  for (;;) {
    if (const size_t size = transport_->read(into); size != 0) return {IoResult::Status::kTransferred, 0, size};
    if (transport_->state() == State::kBroken) return {IoResult::Status::kError};
    if (transport_->state() == State::kEnded) return {IoResult::Status::kEndOfStream};
    const IoResult received = socket_.receive(bytes);
    if (!received.transferred()) return received;
    transport_->take_input({bytes.data(), received.bytes});
    // There are few connections, and they are on a thread of their own: nobody waits for this but each other.
    if (transport_->has_work()) transport_->do_work();
  }
}

IoResult Stream::send(std::string_view bytes) {
  if (transport_ == nullptr) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    return socket_.send(&piece, 1);
  }
  const core::Iov piece{bytes.data(), bytes.size()};
  for (;;) {
    const size_t taken = transport_->write({&piece, 1});
    if (transport_->state() == State::kBroken) return {IoResult::Status::kError};
    if (taken != 0) return {IoResult::Status::kTransferred, 0, taken};
    // It takes nothing though it holds nothing: before the end of its handshake there is nobody to tell.
    if (transport_->output().empty()) return {IoResult::Status::kError};
    if (!flush()) return {IoResult::Status::kWouldBlock};
  }
}

bool Stream::flush() {
  if (transport_ == nullptr) return true;
  for (core::Bytes output; !(output = transport_->output()).empty();) {
    const iovec piece{const_cast<char*>(output.data()), output.size()};
    const IoResult sent = socket_.send(&piece, 1);
    // A socket that has failed says so at the next read.
    if (!sent.transferred()) return !sent.would_block();
    transport_->output_written(sent.bytes);
  }
  return true;
}

std::unique_ptr<reactor::LastWords> Stream::end() {
  if (transport_ == nullptr) return nullptr;
  transport_->end();
  return std::make_unique<Words>(std::move(transport_));
}

}  // namespace onehop::admin
