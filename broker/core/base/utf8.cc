// The forms of a character (Unicode 15, table 3-7). Only the second byte's range depends on the first byte; any byte
// after it is 80 to BF.
//
//   00..7F
//   C2..DF 80..BF
//   E0     A0..BF 80..BF          E1..EC, EE, EF 80..BF 80..BF        ED 80..9F 80..BF
//   F0     90..BF 80..BF 80..BF   F1..F3 80..BF 80..BF 80..BF         F4 80..8F 80..BF 80..BF
#include "core/base/utf8.h"

namespace onehop::core {
namespace {

bool is_continuation(char byte) {
  return (static_cast<uint8_t>(byte) & 0xC0) == 0x80;
}

bool eight_are_ascii(const char* in) {
  uint64_t eight;
  std::memcpy(&eight, in, sizeof eight);
  return (eight & 0x8080808080808080) == 0;
}

// The first byte of `in` that is not ASCII, or `end`.
const char* skip_ascii(const char* in, const char* end) {
  const char* const begin = in;
  while (end - in >= 8 && eight_are_ascii(in)) in += 8;
  // What is left of a text that had eight is looked at together with some of those before.
  if (in != begin && end - in < 8 && eight_are_ascii(end - 8)) return end;
  while (in != end && static_cast<uint8_t>(*in) < 0x80) ++in;
  return in;
}

// How many bytes the character takes that begins at `in` and is not ASCII; 0 if it is not a character.
size_t character_size(const char* in, const char* end) {
  const auto first = static_cast<uint8_t>(*in);
  if (first < 0xC2 || first > 0xF4) return 0;
  const size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (static_cast<size_t>(end - in) < size) return 0;

  const uint8_t second_min = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const uint8_t second_max = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  const auto second = static_cast<uint8_t>(in[1]);
  if (second < second_min || second > second_max) return 0;
  for (size_t at = 2; at < size; ++at) {
    if (!is_continuation(in[at])) return 0;
  }
  return size;
}

}  // namespace

bool is_valid_utf8(Bytes text) {
  const char* in = text.data();
  const char* const end = in + text.size();
  for (;;) {
    in = skip_ascii(in, end);
    if (in == end) return true;
    const size_t size = character_size(in, end);
    if (size == 0) return false;
    in += size;
  }
}

Bytes cut_utf8(Bytes text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t size = bytes_max;
  while (size != 0 && is_continuation(text[size])) --size;
  return text.substr(0, size);
}

}  // namespace onehop::core
