// The stamp at the beginning of every payload, by which its recipient checks and times it. Little-endian:
//
//    0  checksum   4   of the rest of the stamp, seeded with the run, the recipient and the size of the payload. So it
//                      is wrong if the message comes to another client, from another run, or cut short.
//    4  sender     4   index of the client
//    8  number     4   of the stream (sender, recipient), from 0; bit 31: the message answers another message
//   12  wait       4   microseconds from the intended time until the connection got the message; at most an hour
//   16  intended   8   nanoseconds on the monotonic clock of this machine; an answer has the time of its question
//
// The rest is filling, which differs with the run and the number. The recipient compares it byte for byte with what it
// must be, which finds more than a checksum and costs less. With --payload the filling is the whole file and nothing
// else.
//
// A payload below 24 bytes begins with a compact stamp. Only a closed loop may have such payloads, since nothing waits
// there between the intended time and the connection.
//
//    0  checksum   4   as above
//    4  sender     4
//    8  number     4   as above
//   12  intended   4   in units of 64 ns, modulo 2^32. The reader takes the last such time before the arrival, so
//                      that a message may take up to 274 s.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/bytes.h"

namespace onehop::loadgen {

inline constexpr size_t kStampBytes = 24;
inline constexpr size_t kCompactStampBytes = 16;

struct Stamp {
  uint32_t sender = 0;
  uint32_t number = 0;  // Without bit 31.
  bool answers = false;
  uint32_t wait_us = 0;
  uint64_t intended_ns = 0;

  uint64_t written_ns() const { return intended_ns + uint64_t{wait_us} * 1000; }
};

class Stamper {
 public:
  // All processes and threads of one run have the same `run`. Payloads have from kCompactStampBytes to
  // `payload_bytes_max` bytes.
  Stamper(uint64_t run, size_t payload_bytes_max);
  // `filling` follows each stamp, which is always a large one. So every payload is kStampBytes longer than `filling`.
  Stamper(uint64_t run, core::Bytes filling);

  // Writes a payload of `size` bytes at `out`. The size is at least kCompactStampBytes.
  void write(char* out, size_t size, const Stamp& stamp, uint32_t recipient) const;

  enum class Found : uint8_t { kGood, kMisdirected, kCorrupted };
  // Reads what `recipient` received at `arrived_ns`. kMisdirected means that the payload is good for another recipient
  // below `recipients`. Finding that out means trying them all, which is slow, so it happens only for bad payloads and
  // only for the first 100 of a run. `stamp` is filled in unless the payload is too short.
  Found read(core::Bytes payload, uint32_t recipient, uint32_t recipients, uint64_t arrived_ns, Stamp& stamp);

 private:
  // The content of a stamp behind its checksum.
  struct Words {
    uint64_t who = 0;  // The sender and the number.
    uint64_t when = 0;
    uint64_t wait = 0;
  };
  static Words words_of(core::Bytes payload);
  uint32_t checksum(const Words& words, size_t payload_bytes, uint32_t recipient) const;
  bool is_filled(core::Bytes payload, uint32_t number) const;
  Found find_fault(core::Bytes payload, uint32_t recipients);

  const uint64_t run_;
  std::vector<char> filling_;
  const uint32_t offset_mask_;  // The filling of a message begins at its number, masked with this.
  uint32_t tries_left_ = 100;
};

}  // namespace onehop::loadgen
