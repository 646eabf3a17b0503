// A hundred clients that exchange messages all the time, on a thread of their own, while a test does to the broker what
// it does; in the end they say whether they lost anything.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server_test/raw_client.h"

namespace onehop::test {

class Bystanders {
 public:
  static constexpr size_t kClients = 100;

  // Connects them all and begins.
  explicit Bystanders(const std::string& address);
  ~Bystanders();

  // Waits until each has received so many more messages.
  void wait_for_rounds(uint64_t rounds);

  struct Report {
    uint64_t sent = 0, received = 0;
    std::vector<std::string> problems;  // What was wrong: lost, doubled, out of order, damaged, refused, ended.
  };
  // Sends no more, waits for what is under way, and leaves.
  Report finish();

 private:
  struct Member {
    explicit Member(const std::string& address) : client(address) {}
    RawClient client;
    uint64_t sent = 0;      // To the next member.
    uint64_t received = 0;  // From the one before.
  };

  void run();
  void exchange();
  void send_round();
  void take_frames(size_t index);
  void check(size_t index, const v1::Message& message);
  bool all_received() const;
  void problem(size_t index, const std::string& what);
  void tell_rounds();

  std::deque<Member> members_;  // The thread's, while it runs.
  Report report_;
  bool broken_ = false;
  std::atomic<bool> finishing_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t rounds_ = 0;  // What the slowest has received; guarded by the mutex.
  bool ended_ = false;   // The thread has; guarded by the mutex.
  std::thread thread_;
};

}  // namespace onehop::test
