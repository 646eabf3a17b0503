// A broker inside the test's process, real sockets and all, and what it tells of events.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "onehop/broker.h"

namespace onehop::test {

// BrokerEvent with strings of its own.
struct SeenEvent {
  BrokerEvent::Kind kind;
  unsigned shard;
  std::string peer, name;
  uint64_t session;
  std::string code, text;
};

// Defaults for tests: a free port of loopback, one shard.
inline BrokerOptions test_options(unsigned shards = 1) {
  BrokerOptions options;
  options.listen = {"tcp://127.0.0.1:0"};
  options.shards = shards;
  return options;
}

// Small buffers on both sides, so that what a test sends does not vanish in the kernel.
constexpr int kSocketBytes = 4 << 10;
constexpr uint32_t kQueueBytes = 64 << 10;
inline BrokerOptions narrow_options(unsigned shards) {
  BrokerOptions options = test_options(shards);
  options.send_buffer_bytes = kSocketBytes;
  options.frame_bytes_max = 16 << 10;
  options.queue_bytes_max = kQueueBytes;
  options.slow_consumer_ms = 600'000;
  return options;
}

class BrokerRig {
 public:
  using Start = std::function<std::unique_ptr<Broker>(const BrokerOptions&, std::string& error)>;

  explicit BrokerRig(BrokerOptions options = test_options(), const Start& start = &Broker::start) {
    options.on_event = [this](const BrokerEvent& e) { take(e); };
    std::string error;
    broker_ = start(options, error);
    if (broker_ == nullptr) throw std::runtime_error(error);
    addresses_ = broker_->addresses();
  }

  Broker& operator*() { return *broker_; }
  Broker* operator->() { return broker_.get(); }
  const std::string& address(size_t index = 0) const { return addresses_.at(index); }

  using Events = std::vector<SeenEvent>;
  Events events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  // Waits for an event like this one, seen before or yet to come.
  SeenEvent wait_for(const std::function<bool(const SeenEvent&)>& like) {
    std::unique_lock lock(mutex_);
    for (size_t i = 0;; ++i) {
      changed_.wait(lock, [&] { return i < events_.size(); });
      if (like(events_[i])) return events_[i];
    }
  }
  // The shard on which the name is, or was, up.
  unsigned home_of(const std::string& name) {
    return wait_for([&](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kSessionOpened && e.name == name; })
        .shard;
  }

 private:
  void take(const BrokerEvent& e) {
    const std::lock_guard lock(mutex_);
    events_.push_back(
        {e.kind, e.shard, std::string(e.peer), std::string(e.name), e.session, name_of(e.code), std::string(e.text)});
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Events events_;
  std::vector<std::string> addresses_;
  std::unique_ptr<Broker> broker_;  // Last, because its threads tell events until it is gone.
};

}  // namespace onehop::test
