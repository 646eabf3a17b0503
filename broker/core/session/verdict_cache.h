// What was decided about the destinations of one sender, for the last of them, so that the host is not asked about each
// message again. A destination is known by the hash of its name, whose key is secret and random.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace onehop::core {

class VerdictCache {
 public:
  enum class Verdict : uint8_t { kUnknown, kAllowed, kDenied };

  // When a sender has more destinations than this, the oldest answer is forgotten, and asked for again when needed.
  static constexpr size_t kKept = 64;

  Verdict find(uint64_t destination) const {
    for (const Entry& entry : entries_) {
      if (entry.destination == destination) return entry.verdict;
    }
    return Verdict::kUnknown;
  }
  // Of a destination that is unknown.
  void add(uint64_t destination, bool allowed) {
    const Entry entry{destination, allowed ? Verdict::kAllowed : Verdict::kDenied};
    if (entries_.size() < kKept) return entries_.push_back(entry);
    entries_[next_] = entry;
    next_ = (next_ + 1) % kKept;
  }
  void clear() {
    entries_.clear();
    next_ = 0;
  }
  size_t held_bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  struct Entry {
    uint64_t destination;
    Verdict verdict;
  };
  std::vector<Entry> entries_;
  size_t next_ = 0;  // To be replaced, once all places are taken.
};

}  // namespace onehop::core
