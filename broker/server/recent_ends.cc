// RecentEnds: see the header.
#include "server/recent_ends.h"

#include <algorithm>
#include <chrono>

namespace onehop::server {

// Overwrites the strings of the oldest, whose room is used again.
void RecentEnds::note(const End& end) {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
  const std::lock_guard lock(mutex_);
  if (ends_.size() < kKept) ends_.emplace_back();
  RecentEnd& kept = ends_[count_++ % kKept];
  kept.unix_ms = static_cast<uint64_t>(ms);
  kept.how = end.how;
  kept.name = end.name;
  kept.session = end.session;
  kept.shard = end.shard;
  kept.peer = end.peer;
  kept.code = end.code;
  kept.text = end.text;
}

std::vector<RecentEnd> RecentEnds::find(size_t limit, std::string_view name_part) const {
  std::vector<RecentEnd> found;
  const std::lock_guard lock(mutex_);
  const uint64_t oldest = count_ - ends_.size();
  for (uint64_t n = count_; n-- > oldest && found.size() < limit;) {
    if (number(n).name.find(name_part) != std::string::npos) found.push_back(number(n));
  }
  return found;
}

bool RecentEnds::last_of(std::string_view name, RecentEnd& out) const {
  const std::lock_guard lock(mutex_);
  const uint64_t oldest = count_ - ends_.size();
  for (uint64_t n = count_; n-- > oldest;) {
    if (number(n).name != name) continue;
    out = number(n);
    return true;
  }
  return false;
}

}  // namespace onehop::server
