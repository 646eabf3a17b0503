// When output leaves. An iteration of the loop may dispatch thousands of events: output goes out earlier than at its
// end, after a number of events or a time, so that the first in a batch does not pay for the last (ADR 6).
//
// Pure: times in, answers out. This class counts events since the last flush, not bytes. Only the shard knows whether
// the events gave it anything to write.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace onehop::server {

class FlushPolicy {
 public:
  static constexpr uint32_t kEventsPerFlush = 64;
  static constexpr uint64_t kFlushAfterNs = 50'000;
  // A write costs some 4 µs, so a quarter of that may pass for each link that waits to be written to.
  static constexpr uint64_t kFlushNsPerLink = 1'000;
  // Where this many links wait to be written to, a connection that has more to receive is read on first.
  static constexpr size_t kManyLinks = 64;

  // After every event that may have given the shard something to write, with the number of links it has to write to.
  // True: flush now.
  bool event_taken(uint64_t now_ns, size_t links_to_write) {
    if (events_++ == 0) first_ns_ = now_ns;
    return events_ >= kEventsPerFlush ||
           now_ns - first_ns_ >= std::max(kFlushAfterNs, kFlushNsPerLink * links_to_write);
  }
  // Whether to read again from a connection that has more. If many links wait to be written to, the writes cost far
  // more than another read, and each link gets more bytes with one write.
  bool reads_on(size_t links_to_write) const { return events_ != 0 && links_to_write >= kManyLinks; }

  // At each flush, before it. Whether there were events since the last; then first_event_ns() is when the first came.
  bool begin_flush() { return std::exchange(events_, 0) != 0; }
  uint64_t first_event_ns() const { return first_ns_; }

 private:
  uint32_t events_ = 0;    // Since the last flush,
  uint64_t first_ns_ = 0;  // and when the first of them came.
};

}  // namespace onehop::server
