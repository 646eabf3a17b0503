// A transport that keeps a sum up to date: the bytes that all transports of its shard hold. It does so while it belongs
// to a connection, and while it lingers after the connection's end. The loop's thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "reactor/lingering_close.h"
#include "transport/transport.h"

namespace onehop::server {

class CountedTransport final : public reactor::LastWords {
 public:
  // `sum` outlives this.
  CountedTransport(std::unique_ptr<transport::Transport> transport, uint64_t& sum)
      : transport_(std::move(transport)), sum_(sum) {
    count();
  }
  CountedTransport(const CountedTransport&) = delete;
  CountedTransport& operator=(const CountedTransport&) = delete;
  ~CountedTransport() override { sum_ -= counted_; }

  transport::Transport& operator*() { return *transport_; }
  transport::Transport* operator->() { return transport_.get(); }
  // After the transport has been used.
  void count() {
    const uint64_t held = transport_->held_bytes();
    sum_ += held - std::exchange(counted_, held);
  }
  // For another shard, which counts it from then on.
  std::unique_ptr<transport::Transport> release() {
    sum_ -= std::exchange(counted_, 0);
    return std::move(transport_);
  }

  // reactor::LastWords: when the connection ends, the transport's output is what is left to say.
  std::string_view unwritten() const override { return transport_->output(); }
  void on_written(size_t size) override {
    transport_->output_written(size);
    count();
  }

 private:
  std::unique_ptr<transport::Transport> transport_;
  uint64_t& sum_;
  uint64_t counted_ = 0;
};

}  // namespace onehop::server
