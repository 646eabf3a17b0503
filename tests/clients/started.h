// What tests of the threaded client share.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "broker_process.h"
#include "onehop/client.h"

namespace onehop::client {

// One that must be able to start.
inline std::unique_ptr<Client> started(std::string_view server, ClientOptions options, Client::Handlers handlers,
                                       Client::Limits limits = {}) {
  std::string error;
  auto client = Client::start(server, std::move(options), std::move(handlers), limits, error);
  EXPECT_NE(client, nullptr) << error;
  return client;
}
inline std::unique_ptr<Client> started_on(IoThread& thread, std::string_view server, ClientOptions options,
                                          Client::Handlers handlers, Client::Limits limits = {}) {
  std::string error;
  auto client = Client::start(thread, server, std::move(options), std::move(handlers), limits, error);
  EXPECT_NE(client, nullptr) << error;
  return client;
}

inline bool opens(const std::unique_ptr<Client>& client) {
  return client->wait_until_open(kLong) == WaitStatus::kDone;
}

// Collects messages on the client's thread and lets the test's wait for them.
class Inbox {
 public:
  void put(const Message& message) {
    {
      const std::lock_guard lock(mutex_);
      by_sender_[std::string(message.from)].emplace_back(message.payload);
      ++count_;
    }
    changed_.notify_all();
  }
  std::map<std::string, std::vector<std::string>> wait_for(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= count; });
    return by_sender_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::vector<std::string>> by_sender_;
  size_t count_ = 0;
};

// A thing that happens once.
class Latch {
 public:
  // Who waits may destroy it as soon as it is open, so nothing of it is touched behind the lock.
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

}  // namespace onehop::client
