// The sets of roles that tokens narrow their owners to, each with a number. Who signs tokens decides which sets there
// are. There are few, and they are kept for good: `kMost` of them. ANY THREAD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace onehop::identity {

class Narrowings {
 public:
  static constexpr size_t kMost = 4'096;

  // From 1 on; nothing: there are too many. `roles` are in order.
  std::optional<uint32_t> number_of(const std::vector<std::string>& roles) {
    const std::lock_guard lock(mutex_);
    const auto found = numbers_.find(roles);
    if (found != numbers_.end()) return found->second;
    if (sets_.size() == kMost) return std::nullopt;
    sets_.push_back(roles);
    const auto number = static_cast<uint32_t>(sets_.size());
    numbers_.emplace(roles, number);
    return number;
  }
  // Null: there is none with this number. It stays where it is.
  const std::vector<std::string>* find(uint32_t number) const {
    const std::lock_guard lock(mutex_);
    return number == 0 || number > sets_.size() ? nullptr : &sets_[number - 1];
  }

 private:
  mutable std::mutex mutex_;
  std::deque<std::vector<std::string>> sets_;
  std::map<std::vector<std::string>, uint32_t> numbers_;
};

}  // namespace onehop::identity
