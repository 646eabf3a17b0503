// Tells whether a text contains words.
#pragma once

#include <string_view>

namespace onehop::loadgen {

inline bool says(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

}  // namespace onehop::loadgen
