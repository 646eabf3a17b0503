// The transport that changes nothing. The broker reads and writes plain connections without any, which must come to the
// same: this one says what that is, stands below another where there is no encryption, and shows by tests that the path
// through transports treats a stream as the direct path does.
#pragma once

#include "transport/byte_queue.h"
#include "transport/transport.h"

namespace onehop::transport {

class PlainTransport final : public Transport {
 public:
  void take_input(core::Bytes bytes) override;
  void end_input() override { input_ended_ = true; }
  size_t read(std::span<char> into) override;
  size_t write(std::span<const core::Iov> pieces) override;
  // The end of the socket's bytes is the end of the stream: there is nothing to say.
  void end() override {}
  core::Bytes output() const override { return output_.front(); }
  void output_written(size_t size) override { output_.pop(size); }
  State state() const override { return input_ended_ && input_.empty() ? State::kEnded : State::kOpen; }
  core::Bytes error() const override { return {}; }
  size_t held_bytes() const override { return input_.held_bytes() + output_.held_bytes(); }

 private:
  ByteQueue input_;
  ByteQueue output_;
  bool input_ended_ = false;
};

}  // namespace onehop::transport
