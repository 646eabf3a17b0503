// What tests of hooks share: a broker with hooks, clients with credentials, and values that cross threads.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "onehop/hooks.h"
#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {

// Values that one thread puts in and another one waits for.
template <typename T>
class Handed {
 public:
  void put(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  T take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !values_.empty(); });
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> values_;
};

inline BrokerOptions hooked(Hooks hooks, unsigned shards = 2) {
  BrokerOptions options = test_options(shards);
  options.hooks = std::move(hooks);
  return options;
}

inline v1::Frame connect_with_token(const std::string& name, const std::string& token) {
  v1::Frame frame = connect_frame(name);
  frame.mutable_connect()->set_token(token);
  return frame;
}

}  // namespace onehop::test
