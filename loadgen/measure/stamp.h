// What every payload begins with, so that its recipient can check it and time it. Little-endian:
//
//    0  checksum   4   of the rest of the stamp, with the run, the recipient and the payload's size as its seed: a
//                      message that comes to another client, from another run, or cut short, has the wrong one
//    4  sender     4   index of the client
//    8  number     4   of the stream (sender, recipient), from 0; bit 31: it answers another message
//   12  wait       4   microseconds from the intended time to when it was handed to the connection; at most an hour
//   16  intended   8   nanoseconds on the monotonic clock of this machine; of an answer: those of what it answers
//
// The rest is filling, another for each number and each run; it is compared with what it must be, byte for byte, which
// finds more than a checksum and costs less. With --payload it is the bytes of that file, all of them and nothing else,
// which are compared likewise. Payloads below 24 bytes, which only a closed loop may have, begin with
// a compact stamp: there nothing waits between the intended time and the connection.
//
//    0  checksum   4   as above
//    4  sender     4
//    8  number     4   as above
//   12  intended   4   in units of 64 ns, modulo 2^32: whoever reads it takes the last such time before the arrival, so
//                      that up to 274 s may lie between
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/bytes.h"

namespace onehop::loadgen {

inline constexpr size_t kStampBytes = 24;
inline constexpr size_t kCompactStampBytes = 16;

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
  // All processes and threads of one run have the same `run`. Payloads are kCompactStampBytes to `payload_bytes_max`.
  Stamper(uint64_t run, size_t payload_bytes_max);
  // What follows each stamp, a large one always: payloads are kStampBytes longer.
  Stamper(uint64_t run, core::Bytes filling);

  // Writes a payload of `size` bytes, kCompactStampBytes at least, at `out`.
  void write(char* out, size_t size, const Stamp& stamp, uint32_t recipient) const;

  enum class Found : uint8_t { kGood, kMisdirected, kCorrupted };
  // Reads what `recipient` received. kMisdirected: it would be good for another recipient below `recipients`; found out
  // by trying them, which is slow and is done only for a bad one (and for the first 100 of these in a run). `stamp` is
  // filled in unless the payload is too short. `arrived_ns`: when it arrived, on the same clock.
  Found read(core::Bytes payload, uint32_t recipient, uint32_t recipients, uint64_t arrived_ns, Stamp& stamp);

 private:
  // What a stamp says behind its checksum, in words.
  struct Words {
    uint64_t who = 0;  // Sender and number.
    uint64_t when = 0;
    uint64_t wait = 0;
  };
  static Words words_of(core::Bytes payload);
  uint32_t checksum(const Words& words, size_t payload_bytes, uint32_t recipient) const;
  bool is_filled(core::Bytes payload, uint32_t number) const;
  Found find_fault(core::Bytes payload, uint32_t recipients);

  const uint64_t run_;
  std::vector<char> filling_;
  const uint32_t offset_mask_;  // The filling of a message begins at its number, as far as this lets it.
  uint32_t tries_left_ = 100;
};

}  // namespace onehop::loadgen
