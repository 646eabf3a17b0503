// See the header.
#include "loadgen/stamp.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "loadgen/random.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace onehop::loadgen {
namespace {

constexpr size_t kChecksumBytes = 4;
constexpr uint32_t kAnswersBit = uint32_t{1} << 31;
constexpr uint32_t kWaitMaxUs = 3'600'000'000;
// The filling begins at one of so many places.
constexpr uint32_t kOffsets = 256;

template <class Integer>
void put(char* out, Integer value) {
  for (size_t i = 0; i < sizeof value; ++i) out[i] = static_cast<char>(value >> (8 * i) & 0xFF);
}
template <class Integer>
Integer get(const char* in) {
  Integer value = 0;
  for (size_t i = 0; i < sizeof value; ++i) value |= Integer{static_cast<unsigned char>(in[i])} << (8 * i);
  return value;
}

}  // namespace

Stamper::Stamper(uint64_t run, size_t payload_bytes_max)
    : run_(run), filling_(std::max(payload_bytes_max, kStampBytes) - kStampBytes + kOffsets) {
  Random random(run);
  for (char& c : filling_) c = static_cast<char>(random.next() & 0xFF);
}

uint32_t Stamper::checksum(core::Bytes rest, uint32_t recipient) const {
  const uint64_t seed = run_ ^ (uint64_t{recipient} + 1) * 0x9E3779B97F4A7C15;
  return static_cast<uint32_t>(XXH3_64bits_withSeed(rest.data(), rest.size(), seed));
}

void Stamper::write(char* out, size_t size, const Stamp& stamp, uint32_t recipient) const {
  assert(size >= kStampBytes && size - kStampBytes + kOffsets <= filling_.size());
  put(out + 4, stamp.sender);
  put(out + 8, stamp.number | (stamp.answers ? kAnswersBit : 0));
  put(out + 12, std::min(stamp.wait_us, kWaitMaxUs));
  put(out + 16, stamp.intended_ns);
  std::memcpy(out + kStampBytes, filling_.data() + stamp.number % kOffsets, size - kStampBytes);
  put(out, checksum({out + kChecksumBytes, size - kChecksumBytes}, recipient));
}

Stamper::Found Stamper::read(core::Bytes payload, uint32_t recipient, uint32_t recipients, Stamp& stamp) {
  if (payload.size() < kStampBytes) return Found::kCorrupted;
  const auto number = get<uint32_t>(payload.data() + 8);
  stamp.sender = get<uint32_t>(payload.data() + 4);
  stamp.number = number & ~kAnswersBit;
  stamp.answers = (number & kAnswersBit) != 0;
  stamp.wait_us = get<uint32_t>(payload.data() + 12);
  stamp.intended_ns = get<uint64_t>(payload.data() + 16);

  const auto expected = get<uint32_t>(payload.data());
  const core::Bytes rest = payload.substr(kChecksumBytes);
  if (checksum(rest, recipient) == expected) return Found::kGood;
  if (tries_left_ == 0) return Found::kCorrupted;
  --tries_left_;
  for (uint32_t other = 0; other < recipients; ++other) {
    if (checksum(rest, other) == expected) return Found::kMisdirected;
  }
  return Found::kCorrupted;
}

}  // namespace onehop::loadgen
