// The destinations that the broker has asked a local client to pause, each for a time. There are none mostly, and never
// many: the broker tells each client in a bounded queue.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/instant.h"

namespace onehop::local {

class Pauses {
 public:
  bool empty() const { return paused_.empty(); }
  bool contains(core::Bytes name) const {
    return std::any_of(paused_.begin(), paused_.end(), [name](const Paused& paused) { return paused.name == name; });
  }

  void add(core::Bytes name, core::Instant until) {
    for (Paused& paused : paused_) {
      if (paused.name == name) {
        paused.until = until;
        return;
      }
    }
    paused_.push_back({std::string(name), until});
  }
  void remove(core::Bytes name) {
    std::erase_if(paused_, [name](const Paused& paused) { return paused.name == name; });
  }
  // True if one was over.
  bool end_due(core::Instant now) {
    return std::erase_if(paused_, [now](const Paused& paused) { return paused.until <= now; }) != 0;
  }
  // When the next is over.
  core::Instant due() const {
    core::Instant due = core::Instant::never();
    for (const Paused& paused : paused_) due = std::min(due, paused.until);
    return due;
  }

 private:
  struct Paused {
    std::string name;
    core::Instant until;
  };
  std::vector<Paused> paused_;
};

}  // namespace onehop::local
