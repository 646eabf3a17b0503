// Wheel: see the header.
#include "core/base/wheel.h"

#include <algorithm>
#include <bit>

namespace onehop::core {

void Wheel::arm(uint32_t index, Instant due) {
  disarm(index);
  if (due == Instant::never()) return;
  while (index >= pages_.size() * kPageNodes) pages_.push_back(std::make_unique<Node[]>(kPageNodes));
  link(index, static_cast<uint32_t>(std::max(tick_at(due), now_tick_ + 1)));
}

void Wheel::arm_earlier(uint32_t index, Instant due) {
  if (armed(index) && comes_by(node_at(index).due, tick_at(due))) return;
  arm(index, due);
}

void Wheel::disarm(uint32_t index) {
  if (armed(index)) unlink(index);
}

void Wheel::advance(Instant now, std::vector<uint32_t>& due) {
  // Rounded down: a tick has come when all of it has passed.
  const uint64_t now_tick = now.ms / kTickMs;
  if (now_tick <= now_tick_) return;
  const uint64_t turns = std::min<uint64_t>(now_tick - now_tick_, kSlots);
  now_tick_ = now_tick;
  for (uint64_t turn = 0; turn < turns; ++turn) {
    uint32_t index = heads_[(now_tick - turn) % kSlots];
    while (index != kNone) {
      const uint32_t next = node_at(index).next;
      if (comes_by(node_at(index).due, now_tick)) {
        unlink(index);
        due.push_back(index);
      }
      index = next;
    }
  }
}

Instant Wheel::next() const {
  const auto first = static_cast<uint32_t>((now_tick_ + 1) % kSlots);
  for (uint32_t ahead = 0; ahead < kSlots;) {
    const uint32_t slot = (first + ahead) % kSlots;
    const uint64_t word = occupied_[slot / 64] >> (slot % 64);
    if (word == 0) {
      ahead += 64 - slot % 64;
      continue;
    }
    ahead += static_cast<uint32_t>(std::countr_zero(word));
    return {(now_tick_ + 1 + ahead) * kTickMs};
  }
  return Instant::never();
}

void Wheel::link(uint32_t index, uint32_t due) {
  const uint32_t slot = due % kSlots;
  Node& node = node_at(index);
  node.due = due;
  node.previous = kNone;
  node.next = heads_[slot];
  if (node.next != kNone) node_at(node.next).previous = index;
  heads_[slot] = index;
  occupied_[slot / 64] |= uint64_t{1} << (slot % 64);
}

void Wheel::unlink(uint32_t index) {
  Node& node = node_at(index);
  const uint32_t slot = node.due % kSlots;
  if (node.next != kNone) node_at(node.next).previous = node.previous;
  if (node.previous != kNone) {
    node_at(node.previous).next = node.next;
  } else {
    heads_[slot] = node.next;
    if (node.next == kNone) occupied_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
  }
  node.previous = kIdle;
}

}  // namespace onehop::core
