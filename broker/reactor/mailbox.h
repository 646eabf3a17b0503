// What other threads hand to a loop: many producers, one consuming loop. docs/adr/005-parcel-queue.md says why it is a
// mutex and a vector.
//
// Why no wake-up is lost: items enter and leave under one mutex. The producer that finds the mailbox empty wakes the
// loop after it has let the mutex go; a producer that finds items in it relies on an earlier producer, which has woken
// the loop or is about to. Each wake-up is followed by a drain, which empties the mailbox, so that the next producer
// finds it empty and wakes again. A wake-up that comes while the loop drains (or an item taken by a drain that an
// earlier wake-up caused) leads at worst to a drain that finds nothing. uv_async_send itself merges calls but never
// loses the last: libuv clears its mark before it calls us, so what was put in before a merged call is seen by the
// drain that follows.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "reactor/loop.h"

namespace onehop::reactor {

template <typename T>
class Mailbox final : private Drainable {
 public:
  // `on_item` is called on the loop's thread, once for each item, in the order in which each producer posted. It may
  // post to this mailbox. Constructed before the loop runs or on its thread.
  Mailbox(Loop& loop, std::function<void(T)> on_item) : loop_(loop), on_item_(std::move(on_item)) { loop_.add(this); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  // After the last post, on the loop's thread or after the loop has stopped; not from `on_item`. Destroys what nobody
  // took.
  ~Mailbox() { loop_.remove(this); }

  // ANY THREAD. Never refuses: bounds are the business of whoever posts (parcels carry their credit).
  void post(T item) {
    bool was_empty;
    {
      const std::lock_guard lock(mutex_);
      was_empty = items_.empty();
      items_.push_back(std::move(item));
    }
    if (was_empty) loop_.wake();
  }

  // On the loop's thread, or when the loop does not run: takes what is there without waiting for the wake-up.
  void drain() override {
    {
      const std::lock_guard lock(mutex_);
      taken_.swap(items_);
    }
    for (T& item : taken_) on_item_(std::move(item));
    taken_.clear();
  }

 private:
  Loop& loop_;
  const std::function<void(T)> on_item_;
  std::mutex mutex_;
  std::vector<T> items_;  // Under the mutex.
  std::vector<T> taken_;  // The loop's thread only; swapped with items_, so that both keep their room.
};

}  // namespace onehop::reactor
