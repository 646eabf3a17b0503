// What every payload begins with, so that its recipient can check it and time it. Little-endian:
//
//    0  checksum   4   of the rest of the payload, with the run and the recipient as its seed: a message that comes to
//                      another client, or from another run, has the wrong one
//    4  sender     4   index of the client
//    8  number     4   of the stream (sender, recipient), from 0; bit 31: it answers another message
//   12  wait       4   microseconds from the intended time to when it was handed to the connection; at most an hour
//   16  intended   8   nanoseconds on the monotonic clock of this machine; of an answer: those of what it answers
//
// The rest is filling, another for each number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/bytes.h"

namespace onehop::loadgen {

inline constexpr size_t kStampBytes = 24;

struct Stamp {
  uint32_t sender = 0;
  uint32_t number = 0;  // Without the bit.
  bool answers = false;
  uint32_t wait_us = 0;
  uint64_t intended_ns = 0;

  uint64_t written_ns() const { return intended_ns + uint64_t{wait_us} * 1000; }
};

class Stamper {
 public:
  // All processes and threads of one run have the same `run`. Payloads are kStampBytes to `payload_bytes_max`.
  Stamper(uint64_t run, size_t payload_bytes_max);

  // Writes a payload of `size` bytes, kStampBytes at least, at `out`.
  void write(char* out, size_t size, const Stamp& stamp, uint32_t recipient) const;

  enum class Found : uint8_t { kGood, kMisdirected, kCorrupted };
  // Reads what `recipient` received. kMisdirected: it would be good for another recipient below `recipients`; found out
  // by trying them, which is slow and is done only for a bad one (and for the first 100 of these in a run). `stamp` is
  // filled in unless the payload is too short.
  Found read(core::Bytes payload, uint32_t recipient, uint32_t recipients, Stamp& stamp);

 private:
  uint32_t checksum(core::Bytes rest, uint32_t recipient) const;

  const uint64_t run_;
  std::vector<char> filling_;
  uint32_t tries_left_ = 100;
};

}  // namespace onehop::loadgen
