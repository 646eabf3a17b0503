// The rule for names, as a table of the bytes a name may contain.
#include "core/base/name.h"

#include <array>

namespace onehop::core {
namespace {

constexpr std::array<bool, 256> make_allowed_bytes() {
  std::array<bool, 256> allowed{};
  for (size_t byte = 0x21; byte <= 0x7E; ++byte) allowed[byte] = true;
  // Quotes and the backslash break logs and command lines; the others are wildcards and separators of patterns.
  for (const char forbidden : Bytes("\"'\\`*>#+?,")) allowed[static_cast<uint8_t>(forbidden)] = false;
  return allowed;
}

constexpr std::array<bool, 256> kAllowedBytes = make_allowed_bytes();

}  // namespace

bool is_valid_name(Bytes name) {
  if (name.empty() || name.size() > kNameBytesMax || name.front() == '$') return false;
  for (const char byte : name) {
    if (!kAllowedBytes[static_cast<uint8_t>(byte)]) return false;
  }
  return true;
}

}  // namespace onehop::core
