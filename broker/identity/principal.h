// What a principal may look like: 1 to 255 bytes of visible ASCII (0x21 to 0x7E) without the asterisk, which in a
// permissions file ends a prefix. Every method of authentication keeps this rule; a program's own hook may not.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace onehop::identity {

inline constexpr size_t kPrincipalBytesMax = 255;

inline bool is_valid_principal(std::string_view text) {
  if (text.empty() || text.size() > kPrincipalBytesMax) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~' && c != '*'; });
}

}  // namespace onehop::identity
