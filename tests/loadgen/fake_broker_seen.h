// What the fake broker has seen of its senders. The tests compare schedules, counts, payloads and headers with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "onehop/v1/onehop.pb.h"

namespace onehop::test {

class Seen {
 public:
  void note(const v1::Message& message, uint64_t received_ns);
  void note_freeze(uint64_t begin_ns, uint64_t end_ns) { frozen_ns_ += end_ns - begin_ns; }

  // Returns one object. `messages` is their number; `by_slot` has how many arrived in each 100 ms since the first.
  // `tail` has the bytes of the first message behind its first 24, in hexadecimal, and `same_tail` is how many messages
  // had the same bytes. `headers` and `same_headers` are alike. `frozen_s` is how long the broker stood still.
  std::string to_json() const;

 private:
  static constexpr size_t kStampBytes = 24;

  uint64_t first_ns_ = 0;
  uint64_t messages_ = 0;
  uint64_t same_tail_ = 0;
  uint64_t same_headers_ = 0;
  uint64_t frozen_ns_ = 0;
  std::string tail_;
  std::string headers_;  // "key=value;…"
  std::vector<uint64_t> by_slot_;
};

}  // namespace onehop::test
