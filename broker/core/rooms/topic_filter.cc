// Topics and filters: see the header.
#include "core/rooms/topic_filter.h"

#include <algorithm>

#include "core/base/name.h"

namespace onehop::core {

bool is_valid_topic(Bytes topic) {
  return is_valid_name(topic);
}

bool has_wildcard(Bytes filter) {
  return filter.find_first_of("+#") != Bytes::npos;
}

bool is_valid_filter(Bytes filter) {
  if (!has_wildcard(filter)) return is_valid_topic(filter);
  if (filter.size() > kNameBytesMax || filter.front() == '$') return false;
  Levels levels(filter);
  for (Bytes level; levels.next(level);) {
    if (level == "+" || level.empty()) continue;
    if (level == "#") return levels.at_end();
    // The dollar is excluded at the beginning of a name only.
    const Bytes without_dollars = level.substr(std::min(level.find_first_not_of('$'), level.size()));
    if (!without_dollars.empty() && !is_valid_name(without_dollars)) return false;
  }
  return true;
}

}  // namespace onehop::core
