// The names that somebody is known to own, for as long as that is worth asking.
//
// After a broker has started, or a client has come to another one, the others come back one by one. Until then a name
// is unknown that waiting makes known. But a message may only be repeated if none that was sent after it can have
// arrived. So a name has to be proven first: one message goes alone, with a ping behind it. The pong comes behind any
// refusal, so that a pong without one proves the name, and from then on everything flows.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "core/base/bytes.h"
#include "core/base/instant.h"

namespace onehop::client {

class ProvenNames {
 public:
  // From now on nothing is proven, and names have to be until `end`.
  void begin(core::Instant end) {
    names_.clear();
    end_ = end;
    asked_ = true;
  }
  // No name has to be proven any more.
  void end() {
    names_ = {};
    end_ = core::Instant::never();
    asked_ = false;
  }
  // When end() is due; never, where it has been called.
  core::Instant end_due() const { return end_; }

  // Whether this name has still to be proven.
  bool wants(core::Bytes name) const { return asked_ && !names_.contains(name); }
  void add(const std::string& name) {
    if (!asked_) return;
    // A name that is forgotten is proven again: that costs a round trip.
    if (names_.size() == kNamesMax) names_.clear();
    names_.insert(name);
  }

 private:
  struct NameHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  static constexpr size_t kNamesMax = 65'536;

  std::unordered_set<std::string, NameHash, std::equal_to<>> names_;
  core::Instant end_ = core::Instant::never();
  bool asked_ = false;
};

}  // namespace onehop::client
