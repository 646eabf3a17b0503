// Deadlines of very many things, coarse and cheap: a hashed timing wheel. A thing has at most one deadline here, the
// earliest of all it waits for; when that comes, the thing looks what is due and arms itself again. So a deadline that
// moves later (somebody was heard) costs nothing until the old one comes.
//
// Invariant: an armed node is in the list of slot `due % kSlots`, and no slot between the last advance and now is left
// with a node that is due.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/instant.h"

namespace onehop::core {

class Wheel {
 public:
  // How coarse: a deadline comes up to so many milliseconds late, never early.
  static constexpr uint64_t kTickMs = 16;

  // Arms thing `index`, replacing the deadline it may have; Instant::never() disarms it.
  void arm(uint32_t index, Instant due);
  // Arms it unless it already has an earlier deadline.
  void arm_earlier(uint32_t index, Instant due);
  void disarm(uint32_t index);

  // Takes out what is due and appends it to `due`.
  void advance(Instant now, std::vector<uint32_t>& due);
  // When to advance again: nothing is due before.
  Instant next() const;

 private:
  static constexpr uint32_t kSlots = 2048;  // 32 s: a default keepalive is visited once a round.
  static constexpr uint32_t kPageNodes = 1024;
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kIdle = UINT32_MAX - 1;  // As `previous`: not armed.

  struct Node {
    uint32_t next = kNone;
    uint32_t previous = kIdle;
    uint32_t due = 0;  // The low half of a tick: deadlines are less than a year away.
  };

  static uint64_t tick_at(Instant due) { return (due.ms + kTickMs - 1) / kTickMs; }
  bool armed(uint32_t index) { return index < pages_.size() * kPageNodes && node_at(index).previous != kIdle; }
  bool comes_by(uint32_t due, uint64_t tick) const {
    return static_cast<int32_t>(due - static_cast<uint32_t>(tick)) <= 0;
  }
  Node& node_at(uint32_t index) { return pages_[index / kPageNodes][index % kPageNodes]; }
  void link(uint32_t index, uint32_t due);
  void unlink(uint32_t index);

  std::vector<std::unique_ptr<Node[]>> pages_;
  std::array<uint32_t, kSlots> heads_ = all_none();
  std::array<uint64_t, kSlots / 64> occupied_{};
  uint64_t now_tick_ = 0;

  static constexpr std::array<uint32_t, kSlots> all_none() {
    std::array<uint32_t, kSlots> heads{};
    for (uint32_t& head : heads) head = kNone;
    return heads;
  }
};

}  // namespace onehop::core
