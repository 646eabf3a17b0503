// What the protocols of NATS and Redis share: lines that end in CRLF, and decimal numbers. Nothing is kept between
// reads: an incomplete line is read again when more bytes have arrived, which costs little because no line may be long.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

#include "core/base/bytes.h"

namespace onehop::loadgen {

// The size of a line with its end. The longest line that servers send is NATS's INFO, which lists the addresses of a
// whole cluster.
inline constexpr size_t kLineBytesMax = 64 << 10;
inline constexpr size_t kNumberBytesMax = 20;

struct Line {
  enum class Kind : uint8_t { kWhole, kPart, kBad };
  Kind kind = Kind::kBad;
  core::Bytes text = {};  // Without CRLF.

  size_t size() const { return text.size() + 2; }
};

// Reads the line at the front of `in`.
inline Line read_line(core::Bytes in) {
  const size_t end = in.substr(0, kLineBytesMax).find('\n');
  if (end == core::Bytes::npos) return {in.size() < kLineBytesMax ? Line::Kind::kPart : Line::Kind::kBad};
  if (end == 0 || in[end - 1] != '\r') return {Line::Kind::kBad};
  return {Line::Kind::kWhole, in.substr(0, end - 1)};
}

// Whether `text` is a decimal number and nothing else.
inline bool read_number(core::Bytes text, uint64_t& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end;
}

// These write at `out`, which must have room, and return the end of what was written.
inline char* write_text(char* out, core::Bytes text) {
  return out + text.copy(out, text.size());
}
inline char* write_number(char* out, uint64_t value) {
  return std::to_chars(out, out + kNumberBytesMax, value).ptr;
}

// Makes the words of a server safe to show: one short line, without bytes that a terminal would act on.
inline std::string printable(core::Bytes text) {
  std::string result(text.substr(0, 200));
  for (char& character : result) {
    if (character < ' ' || character > '~') character = '?';
  }
  return result;
}

}  // namespace onehop::loadgen
