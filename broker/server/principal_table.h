// The principals that the embedder's hook has named. Each has a number, which is all that core knows of it. A principal
// keeps its number for as long as anybody holds it, and the number is the same on all shards. ANY THREAD.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace onehop::server {

class PrincipalTable {
 public:
  struct Principal {
    uint32_t number = 0;                // 0: nobody in particular, which nobody has to hold.
    const std::string* text = nullptr;  // Stays where it is while it is held.
  };

  // Every hold() is followed by a release() some time.
  Principal hold(std::string_view text) {
    if (text.empty()) return {};
    const std::lock_guard lock(mutex_);
    const auto [place, is_new] = held_.try_emplace(std::string(text));
    if (is_new) place->second.number = free_number();
    ++place->second.holders;
    return {place->second.number, &place->first};
  }
  void release(const Principal& principal) {
    if (principal.number == 0) return;
    const std::lock_guard lock(mutex_);
    const auto place = held_.find(*principal.text);
    if (--place->second.holders != 0) return;
    numbers_.erase(principal.number);
    held_.erase(place);
  }
  size_t size() const {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }

 private:
  struct Held {
    uint32_t number = 0;
    uint64_t holders = 0;
  };

  // A number that nobody has. After 2^32 of them they begin again at 1.
  uint32_t free_number() {
    do {
      ++last_;
    } while (last_ == 0 || !numbers_.insert(last_).second);
    return last_;
  }

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Held> held_;
  std::unordered_set<uint32_t> numbers_;  // Those in use.
  uint32_t last_ = 0;
};

}  // namespace onehop::server
