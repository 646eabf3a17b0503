// What is to happen, by simulated time. Things due at one time happen in the order they were scheduled.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace onehop::sim {

struct Event {
  enum class Kind : uint8_t {
    kShard,   // A shard's loop wakes; `subject` is the shard.
    kParcel,  // The next parcel of an ordered pair of shards arrives; `subject` is the pair.
    kCredit,  // The next empty parcel of a pair is back.
    kLink,    // A link arrives on a shard; `subject` is the link.
    kAnswer,  // A pending question is answered; `subject` is its number.
    kClient,  // A client wakes.
    kPolicy,  // Who may stay is decided anew.
  };
  uint64_t at_us;
  uint64_t order;
  Kind kind;
  uint32_t subject;
};

class EventQueue {
 public:
  uint64_t now_us() const { return now_us_; }
  bool empty() const { return heap_.empty(); }
  uint64_t next_us() const { return heap_.front().at_us; }

  void add(uint64_t at_us, Event::Kind kind, uint32_t subject) {
    heap_.push_back({std::max(at_us, now_us_), order_++, kind, subject});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  // Takes the next event, and with it goes on in time.
  Event take() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Event event = heap_.back();
    heap_.pop_back();
    now_us_ = event.at_us;
    return event;
  }

 private:
  static bool later(const Event& a, const Event& b) {
    return a.at_us != b.at_us ? a.at_us > b.at_us : a.order > b.order;
  }

  std::vector<Event> heap_;
  uint64_t now_us_ = 0;
  uint64_t order_ = 0;
};

}  // namespace onehop::sim
