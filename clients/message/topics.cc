// See the header. The broker's own rule is core/rooms/topic_filter.h, which clients do not link; a test compares them.
#include "onehop/topics.h"

#include <algorithm>

#include "core/base/name.h"

namespace onehop::client {
namespace {

// Of one level of a filter, which is neither empty nor a wildcard.
const char* what_is_wrong_with_level(std::string_view level) {
  if (level.find_first_of("+#") != level.npos) return "a wildcard has to be a level of its own";
  // The dollar is excluded at the beginning of a name only.
  const std::string_view rest = level.substr(std::min(level.find_first_not_of('$'), level.size()));
  if (rest.empty() || core::is_valid_name(rest)) return nullptr;
  return "only visible ASCII without \" ' \\ ` * > ? , may be in it";
}

}  // namespace

const char* what_is_wrong_with_topic(std::string_view topic) {
  if (topic.find_first_of("+#") != topic.npos) return "wildcards are for those who subscribe";
  return what_is_wrong_with_filter(topic);
}

const char* what_is_wrong_with_filter(std::string_view filter) {
  if (filter.empty()) return "it is empty";
  if (filter.size() > core::kNameBytesMax) return "it has more than 255 bytes";
  if (filter.front() == '$') return "it begins with $";
  for (size_t begin = 0; begin <= filter.size();) {
    const size_t end = std::min(filter.find('/', begin), filter.size());
    const std::string_view level = filter.substr(begin, end - begin);
    begin = end + 1;
    if (level == "#" && end != filter.size()) return "nothing may follow #";
    if (level.empty() || level == "+" || level == "#") continue;
    if (const char* wrong = what_is_wrong_with_level(level)) return wrong;
  }
  return nullptr;
}

}  // namespace onehop::client
