// How many connects were refused, and how many connections and sessions ended, by the goodbye's code. A shard's thread
// counts; a copy is added up for operators.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/shard/seam.h"
#include "onehop/inspection.h"

namespace onehop::server {

class EndCounts {
 public:
  // Events that are no end count nothing.
  void count(core::Event::Kind kind, uint32_t code);
  void count_refused_connect() { ++counts_[kConnect][0]; }  // Without a goodbye.
  void add(const EndCounts& more);
  // Each kind with each code, also those that have not occurred: whoever asks how much a number has risen needs to have
  // seen it before.
  std::vector<EndCount> told() const;

 private:
  enum Kind : size_t { kConnect, kConnection, kSession, kKinds };
  static constexpr size_t kCodes = 18;  // Of onehop.v1.Code, 0 included.

  std::array<std::array<uint64_t, kCodes>, kKinds> counts_{};
};

}  // namespace onehop::server
