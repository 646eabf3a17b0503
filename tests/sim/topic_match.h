// Whether a filter matches a topic, as the specification reads: level by level. What the broker's index, the patterns
// of permissions and the simulator's oracle are held against.
#pragma once

#include <string>
#include <vector>

namespace onehop::sim {

using Levels = std::vector<std::string>;

inline Levels levels_of(const std::string& text) {
  Levels levels(1);
  for (const char c : text) {
    if (c == '/') {
      levels.emplace_back();
    } else {
      levels.back() += c;
    }
  }
  return levels;
}

inline bool topic_matches(const Levels& filter, const Levels& topic) {
  for (size_t i = 0; i < filter.size(); ++i) {
    if (filter[i] == "#") return topic.size() >= i;
    if (i >= topic.size() || (filter[i] != "+" && filter[i] != topic[i])) return false;
  }
  return filter.size() == topic.size();
}

inline bool topic_matches(const std::string& filter, const std::string& topic) {
  return topic_matches(levels_of(filter), levels_of(topic));
}

}  // namespace onehop::sim
