// What sending threads share with the client's: the account of what is accepted and has no outcome, and the batch of
// what the client's thread has not taken yet. One mutex guards both, so that what was accepted before close() is in the
// batch.
//
// The client's thread is called for when it would otherwise sleep, and not for each message: while `awake_`, it will
// take the batch before it sleeps (Client::Impl has itself called again after each batch that was not empty).
//
// Outcomes are gathered, and taken off the account once for each turn of the loop: settle_up(). The `bytes` and
// `wanted` of a DestinationAccount are under the mutex, its `settled_bytes` are the client's thread's. It is never
// forgotten while it has bytes, so a message may name it by a pointer.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "client/threaded/batch.h"
#include "message/message_codec.h"
#include "onehop/client.h"

namespace onehop::client {

class Outbox {
 public:
  explicit Outbox(Client::Limits limits);

  // ANY THREAD. Accepts a message if there is room, for which it waits for at most `wait_ms`. Takes `completion` only
  // with kAccepted. `call` is true if the client's thread is to be called for.
  SendStatus enter(std::string_view to, const BodyWriter& body, const SendOptions& options, uint64_t wait_ms,
                   SendCompletion& completion, bool& call);
  // ANY THREAD. As enter(), for everything else. Calls `change` with the batch. False: the client has ended, and
  // nothing was done.
  template <typename Change>
  bool put(bool& call, Change change) {
    const std::lock_guard lock(mutex_);
    if (over_) return false;
    change(batch_);
    call = rouse();
    return true;
  }
  // ANY THREAD. Accepts nothing from now on; the client is to end like that, unless it was told before how to end.
  void end(const EndOrder& order, bool& call);
  // ANY THREAD.
  uint64_t unsettled() const;

  // The client's thread only, all that follows.
  // The client has ended: nothing is taken any more. What was there is put into `rest`, which is empty.
  void close(Batch& rest);
  // Swaps what is there into `batch`, which is empty. False: nothing is there, and the thread may sleep.
  bool take(Batch& batch);
  // The thread wants to be called without a reason that others see. True: it is to be.
  bool rouse_self();
  // A message has its outcome.
  void settle(const OpenSend& send);
  // Tells the account what was settled. True: somebody wanted room, and there is some now.
  bool settle_up();
  // How many names are remembered.
  size_t destinations();
  // Whether so much was settled that senders should not have to wait for the turn's end.
  bool has_much_to_settle() const { return settled_bytes_ >= much_; }

 private:
  struct NameHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Destinations = std::unordered_map<std::string, DestinationAccount, NameHash, std::equal_to<>>;

  bool rouse() { return !std::exchange(awake_, true); }
  bool has_room(const DestinationAccount& destination) const {
    return total_ < limits_.total_bytes_max && destination.bytes < limits_.destination_bytes_max;
  }
  DestinationAccount& find(std::string_view to);
  void forget_idle_destinations();
  SendStatus wait_for_room(std::unique_lock<std::mutex>& lock, std::string_view to, uint64_t wait_ms);
  void want_room(DestinationAccount& destination);

  const Client::Limits limits_;
  const uint64_t much_;

  std::mutex mutex_;
  std::condition_variable room_;
  Batch batch_;
  Destinations destinations_;
  // The one that was found last: most messages go where the one before went.
  Destinations::value_type* last_ = nullptr;
  size_t forget_at_;
  uint64_t total_ = 0;
  int waiting_ = 0;
  bool total_wanted_ = false;
  bool awake_ = false;
  // No more messages; how to end was said; the client has ended.
  bool closed_ = false;
  bool ending_ = false;
  bool over_ = false;

  // Written under the mutex.
  std::atomic<uint64_t> accepted_{0};
  // Written by the client's thread.
  std::atomic<uint64_t> settled_{0};

  // The client's thread only.
  std::vector<DestinationAccount*> touched_;
  uint64_t settled_bytes_ = 0;
};

}  // namespace onehop::client
