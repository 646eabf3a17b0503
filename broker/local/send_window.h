// The confirmed messages of a local client that have no outcome yet, against the windows that the broker has told it.
//
// Invariant: the broker counts at most as many open messages and bytes as this does, so a message for which there is
// room here is within its windows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace onehop::local {

class SendWindow {
 public:
  void set_windows(uint32_t messages, uint32_t bytes) { messages_max_ = messages, bytes_max_ = bytes; }

  bool has_room(size_t frame_bytes) const { return count_ < messages_max_ && bytes_ + frame_bytes <= bytes_max_; }
  // `id` is above all before.
  void add(uint64_t id, uint32_t frame_bytes) {
    open_.push_back({id, frame_bytes});
    ++count_;
    bytes_ += frame_bytes;
  }
  // Calls `tell` with each open id from `first` to `last`; these have an outcome then. They count as messages until
  // their receipts are acknowledged.
  template <typename Tell>
  void settle(uint64_t first, uint64_t last, Tell tell) {
    for (size_t i = place_from(first); i < open_.size() && open_[i].id <= last; ++i) {
      if (open_[i].frame_bytes == 0) continue;
      bytes_ -= open_[i].frame_bytes;
      open_[i].frame_bytes = 0;
      ++settled_;
      tell(open_[i].id);
    }
    while (!open_.empty() && open_.front().frame_bytes == 0) open_.pop_front();
  }
  // All receipts so far are acknowledged.
  void receipts_acknowledged() {
    count_ -= settled_;
    settled_ = 0;
  }
  // Whether each has its outcome.
  bool empty() const { return open_.empty(); }

 private:
  struct Open {
    uint64_t id;
    uint32_t frame_bytes;  // 0: it has its outcome.
  };
  // The first that is not below `id`. What is settled is mostly what was sent first.
  size_t place_from(uint64_t id) const {
    if (open_.empty() || open_.front().id >= id) return 0;
    size_t low = 0, high = open_.size();
    while (low != high) {
      const size_t middle = (low + high) / 2;
      if (open_[middle].id < id) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  std::deque<Open> open_;
  uint32_t messages_max_ = 0;
  uint64_t bytes_max_ = 0;
  uint32_t count_ = 0;    // Without an outcome, or with one whose receipt is not acknowledged;
  uint32_t settled_ = 0;  // and of those, the latter.
  uint64_t bytes_ = 0;
};

}  // namespace onehop::local
