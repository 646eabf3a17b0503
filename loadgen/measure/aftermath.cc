// See the header.
#include "loadgen/measure/aftermath.h"

#include <algorithm>

namespace onehop::loadgen {

void Aftermath::begin(uint64_t first_ns, uint64_t on_time_ns) {
  on_time_ns_ = on_time_ns;
  const uint64_t before_ns = (on_time_ns + kSlotNs - 1) / kSlotNs * kSlotNs;
  origin_ns_ = first_ns - std::min(first_ns, before_ns);
}

Aftermath::Slot* Aftermath::slot_of(uint64_t at_ns) {
  if (at_ns < origin_ns_) return nullptr;
  const auto slot = static_cast<size_t>((at_ns - origin_ns_) / kSlotNs);
  if (slot >= slots_.size()) slots_.resize(slot + 1);
  return &slots_[slot];
}

void Aftermath::note_due(uint64_t intended_ns) {
  if (Slot* const slot = slot_of(intended_ns)) ++slot->due;
}

void Aftermath::note_arrival(uint64_t intended_ns, uint64_t arrived_ns) {
  Slot* const slot = slot_of(intended_ns);
  if (slot == nullptr) return;
  ++slot->delivered;
  if (arrived_ns > intended_ns + on_time_ns_) slot->last_arrival_ns = std::max(slot->last_arrival_ns, arrived_ns);
}

void Aftermath::note_double(uint64_t arrived_ns) {
  if (Slot* const slot = slot_of(arrived_ns)) ++slot->doubled;
}

void Aftermath::add(const Aftermath& other) {
  on_time_ns_ = other.on_time_ns_;
  origin_ns_ = other.origin_ns_;
  if (slots_.size() < other.slots_.size()) slots_.resize(other.slots_.size());
  for (size_t i = 0; i < other.slots_.size(); ++i) {
    slots_[i].last_arrival_ns = std::max(slots_[i].last_arrival_ns, other.slots_[i].last_arrival_ns);
    slots_[i].due += other.slots_[i].due;
    slots_[i].delivered += other.slots_[i].delivered;
    slots_[i].doubled += other.slots_[i].doubled;
  }
}

void Aftermath::judge(uint64_t at_ns, uint64_t until_ns, CommandResult& result) const {
  uint64_t kept_up_ns = at_ns;  // Delivery keeps up with the plan from here on.
  result.lost = result.doubled = 0;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    const uint64_t begin_ns = origin_ns_ + i * kSlotNs, end_ns = begin_ns + kSlotNs;
    if (end_ns > at_ns) result.doubled += slot.doubled;
    if (end_ns + on_time_ns_ <= at_ns) continue;  // The slot was over before the command could affect it.
    const uint64_t missing = slot.due - std::min(slot.due, slot.delivered);
    result.lost += missing;
    if (begin_ns >= until_ns) continue;
    if (missing != 0) kept_up_ns = std::max(kept_up_ns, end_ns);
    kept_up_ns = std::max(kept_up_ns, slot.last_arrival_ns);
  }
  result.recovery_s.reset();
  if (kept_up_ns < until_ns) result.recovery_s = static_cast<double>(kept_up_ns - at_ns) * 1e-9;
}

}  // namespace onehop::loadgen
