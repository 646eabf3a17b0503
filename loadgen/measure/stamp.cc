// See the header.
#include "loadgen/measure/stamp.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "loadgen/measure/random.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace onehop::loadgen {
namespace {

constexpr uint32_t kAnswersBit = uint32_t{1} << 31;
constexpr uint32_t kWaitMaxUs = 3'600'000'000;
// The number of places at which the filling may begin; a power of two.
constexpr uint32_t kOffsets = 256;

constexpr uint64_t kCompactUnitNs = 64;

// Both ends are on one machine, so its byte order serves.
static_assert(std::endian::native == std::endian::little);
template <class Integer>
void put(char* out, Integer value) {
  std::memcpy(out, &value, sizeof value);
}
template <class Integer>
Integer get(const char* in) {
  Integer value = 0;
  std::memcpy(&value, in, sizeof value);
  return value;
}

size_t stamp_bytes(size_t payload_bytes) {
  return payload_bytes < kStampBytes ? kCompactStampBytes : kStampBytes;
}

// The last time before `arrived_ns` that the compact stamp can stand for.
uint64_t widened_ns(uint32_t units, uint64_t arrived_ns) {
  const uint64_t arrived = arrived_ns / kCompactUnitNs;
  return (arrived - (static_cast<uint32_t>(arrived) - units)) * kCompactUnitNs;
}

}  // namespace

Stamper::Stamper(uint64_t run, size_t payload_bytes_max)
    : run_(run), filling_(payload_bytes_max + kOffsets), offset_mask_(kOffsets - 1) {
  Random random(run);
  for (char& c : filling_) c = static_cast<char>(random.next() & 0xFF);
}

Stamper::Stamper(uint64_t run, core::Bytes filling)
    : run_(run), filling_(filling.begin(), filling.end()), offset_mask_(0) {}

Stamper::Words Stamper::words_of(core::Bytes payload) {
  const char* const at = payload.data();
  const auto who = get<uint64_t>(at + 4);
  if (payload.size() < kStampBytes) return {who, get<uint32_t>(at + 12), 0};
  return {who, get<uint64_t>(at + 16), get<uint32_t>(at + 12)};
}

// This hashes words and not bytes: memory that was just written in small pieces is slow to read in large ones.
uint32_t Stamper::checksum(const Words& words, size_t payload_bytes, uint32_t recipient) const {
  const uint64_t seed = run_ ^ (uint64_t{recipient} + 1) * 0x9E3779B97F4A7C15 ^ uint64_t { payload_bytes } << 32;
  return static_cast<uint32_t>(XXH3_64bits_withSeed(&words, sizeof words, seed));
}

bool Stamper::is_filled(core::Bytes payload, uint32_t number) const {
  const size_t head = stamp_bytes(payload.size());
  // No message of this run is that long.
  if (payload.size() - head + offset_mask_ > filling_.size()) return false;
  return std::memcmp(payload.data() + head, filling_.data() + (number & offset_mask_), payload.size() - head) == 0;
}

void Stamper::write(char* out, size_t size, const Stamp& stamp, uint32_t recipient) const {
  const size_t head = stamp_bytes(size);
  assert(size >= kCompactStampBytes && size - head + offset_mask_ <= filling_.size());
  Words words;
  words.who = uint64_t{stamp.number | (stamp.answers ? kAnswersBit : 0)} << 32 | stamp.sender;
  if (head == kStampBytes) {
    words.wait = std::min(stamp.wait_us, kWaitMaxUs);
    words.when = stamp.intended_ns;
    put(out + 12, static_cast<uint32_t>(words.wait));
    put(out + 16, words.when);
  } else {
    words.when = static_cast<uint32_t>(stamp.intended_ns / kCompactUnitNs);
    put(out + 12, static_cast<uint32_t>(words.when));
  }
  put(out, checksum(words, size, recipient));
  put(out + 4, words.who);
  std::memcpy(out + head, filling_.data() + (stamp.number & offset_mask_), size - head);
}

Stamper::Found Stamper::read(core::Bytes payload, uint32_t recipient, uint32_t recipients, uint64_t arrived_ns,
                             Stamp& stamp) {
  if (payload.size() < kCompactStampBytes) return Found::kCorrupted;
  const Words words = words_of(payload);
  const auto number = static_cast<uint32_t>(words.who >> 32);
  stamp.sender = static_cast<uint32_t>(words.who);
  stamp.number = number & ~kAnswersBit;
  stamp.answers = (number & kAnswersBit) != 0;
  stamp.wait_us = static_cast<uint32_t>(words.wait);
  stamp.intended_ns =
      payload.size() < kStampBytes ? widened_ns(static_cast<uint32_t>(words.when), arrived_ns) : words.when;
  if (!is_filled(payload, stamp.number)) return Found::kCorrupted;
  const bool good = checksum(words, payload.size(), recipient) == get<uint32_t>(payload.data());
  return good ? Found::kGood : find_fault(payload, recipients);
}

Stamper::Found Stamper::find_fault(core::Bytes payload, uint32_t recipients) {
  if (tries_left_ == 0) return Found::kCorrupted;
  --tries_left_;
  const auto expected = get<uint32_t>(payload.data());
  for (uint32_t other = 0; other < recipients; ++other) {
    if (checksum(words_of(payload), payload.size(), other) == expected) return Found::kMisdirected;
  }
  return Found::kCorrupted;
}

}  // namespace onehop::loadgen
