// Whether a filter matches a topic, as the specification reads: level by level. What the index is held against.
#pragma once

#include <string>
#include <vector>

namespace onehop::core::test {

inline std::vector<std::string> split_levels(const std::string& text) {
  std::vector<std::string> levels(1);
  for (const char c : text) {
    if (c == '/') {
      levels.emplace_back();
    } else {
      levels.back() += c;
    }
  }
  return levels;
}

inline bool naive_match(const std::string& filter, const std::string& topic) {
  const std::vector<std::string> wanted = split_levels(filter);
  const std::vector<std::string> given = split_levels(topic);
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "#") return given.size() >= i;
    if (i >= given.size() || (wanted[i] != "+" && wanted[i] != given[i])) return false;
  }
  return wanted.size() == given.size();
}

}  // namespace onehop::core::test
