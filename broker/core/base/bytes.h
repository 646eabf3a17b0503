// Bytes, and the few encodings of them that the wire is made of: little-endian integers and protobuf varints.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace onehop::core {

// Bytes somebody else owns. string_view has what is needed: comparison, hashing, and protobuf takes it.
using Bytes = std::string_view;

// One piece of a gathered write; the same shape as struct iovec, which core does not include.
struct Iov {
  const char* data;
  size_t size;
};

// The longest varint of a 64-bit value.
inline constexpr size_t kVarintBytesMax = 10;

constexpr size_t varint_size(uint64_t value) {
  // Seven bits a byte, rounded up; for every width there is, (bits * 9 + 64) / 64 is that, without a division.
  return (static_cast<size_t>(std::bit_width(value | 1)) * 9 + 64) / 64;
}

// Writes `value` at `out`, which has room for it; returns the end of what was written.
inline char* write_varint(char* out, uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

// As read_varint; a call of its own, so that what is rare takes no room where varints are read.
[[gnu::noinline]] inline const char* read_long_varint(const char* in, const char* end, size_t size_max,
                                                      uint64_t& value) {
  // Up to eight bytes at once: found where it stops, then seven bits of each byte moved together.
  if (end - in >= 8) {
    uint64_t bits;
    std::memcpy(&bits, in, sizeof bits);
    const uint64_t stops = ~bits & 0x8080808080808080;
    if (stops != 0) {
      const auto size = (static_cast<size_t>(std::countr_zero(stops)) >> 3) + 1;
      if (size > size_max) return nullptr;
      bits &= (stops ^ (stops - 1)) & 0x7F7F7F7F7F7F7F7F;
      bits = (bits & 0x007F007F007F007F) | (bits & 0x7F007F007F007F00) >> 1;
      bits = (bits & 0x00003FFF00003FFF) | (bits & 0x3FFF00003FFF0000) >> 2;
      value = (bits & 0x0FFFFFFF) | (bits & 0x0FFFFFFF00000000) >> 4;
      return in + size;
    }
  }
  uint64_t result = 0;
  for (unsigned shift = 0; in != end && size_max != 0; shift += 7, --size_max) {
    const auto byte = static_cast<uint8_t>(*in++);
    result |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) {
      value = result;
      return in;
    }
  }
  return nullptr;
}

// Reads a varint of at most `size_max` bytes (2 to 10) at `in`, stopping before `end`. Returns the byte after it, or
// nullptr if the bytes end within it or it is longer; bits above 64 are dropped, as protobuf drops them.
inline const char* read_varint(const char* in, const char* end, size_t size_max, uint64_t& value) {
  // Nearly every length, tag and number takes one byte or two.
  if (end - in >= 2) {
    const auto first = static_cast<uint8_t>(in[0]);
    const auto second = static_cast<uint8_t>(in[1]);
    if (first < 0x80) {
      value = first;
      return in + 1;
    }
    if (second < 0x80) {
      value = (first & 0x7Fu) | uint64_t{second} << 7;
      return in + 2;
    }
  }
  return read_long_varint(in, end, size_max, value);
}

// fixed64 on the wire is little-endian; so is every machine onehop is built for.
inline uint64_t read_fixed64(const char* in) {
  uint64_t value;
  std::memcpy(&value, in, sizeof value);
  return value;
}

inline char* write_fixed64(char* out, uint64_t value) {
  std::memcpy(out, &value, sizeof value);
  return out + sizeof value;
}

}  // namespace onehop::core
