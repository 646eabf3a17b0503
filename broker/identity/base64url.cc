// See the header.
#include "identity/base64url.h"

#include <cstdint>

namespace onehop::identity {
namespace {

// -1: the character is not of the alphabet.
int value_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-') return 62;
  return c == '_' ? 63 : -1;
}

}  // namespace

std::optional<std::string> base64url_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  int size = 0;
  for (const char c : text) {
    const int value = value_of(c);
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    size += 6;
    if (size < 8) continue;
    size -= 8;
    out += static_cast<char>(bits >> size & 0xff);
  }
  // Six bits are left of a single character, which is no byte; other bits that are left must be zero.
  if (size == 6 || (bits & ((1U << size) - 1)) != 0) return std::nullopt;
  return out;
}

}  // namespace onehop::identity
