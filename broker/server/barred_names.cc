// BarredNames: see the header.
#include "server/barred_names.h"

#include <algorithm>

namespace onehop::server {

void BarredNames::bar(std::string_view name, uint64_t until_ms) {
  const std::lock_guard lock(mutex_);
  std::erase_if(names_, [name](const Barred& one) { return one.name == name; });
  if (until_ms != 0) {
    if (names_.size() == kNamesMax) names_.erase(names_.begin());
    names_.push_back({std::string(name), until_ms});
  }
  any_.store(!names_.empty(), std::memory_order_relaxed);
}

uint64_t BarredNames::left_ms(std::string_view name, uint64_t now_ms) const {
  if (!any_.load(std::memory_order_relaxed)) return 0;
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(names_.begin(), names_.end(), [name](const Barred& one) { return one.name == name; });
  return found == names_.end() || found->until_ms <= now_ms ? 0 : found->until_ms - now_ms;
}

}  // namespace onehop::server
