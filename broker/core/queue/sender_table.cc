// SenderTable: see the header. Entries lie in a vector, so that their order does not depend on the hash.
#include "core/queue/sender_table.h"

#include <cassert>
#include <utility>

namespace onehop::core {
namespace {

// Room for so many is kept as long as the table is.
constexpr size_t kKept = 64;

}  // namespace

SenderTable::Entry* SenderTable::find(const Origin& sender) {
  const auto found = index_.find(sender);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

SenderTable::Entry& SenderTable::find_or_add(const Origin& sender) {
  if (Entry* entry = find(sender)) return *entry;
  index_.emplace(sender, static_cast<uint32_t>(entries_.size()));
  entries_.emplace_back(Entry{sender, {}, false, false});
  count_held();
  return entries_.back();
}

void SenderTable::remove_if_unused(Entry* entry) {
  if (entry->told || entry->gate_closed) return;
  index_.erase(entry->sender);
  if (entry != &entries_.back()) {
    *entry = entries_.back();
    index_[entry->sender] = static_cast<uint32_t>(entry - entries_.data());
  }
  entries_.pop_back();
  if (entries_.capacity() > kKept && entries_.size() < entries_.capacity() / 4) {
    entries_.shrink_to_fit();
    index_.rehash(0);
    count_held();
  }
}

void SenderTable::count_held() {
  const size_t slot_bytes = sizeof(std::pair<const Origin, uint32_t>) + 1;  // The table has a byte beside each slot.
  account_.set(sizeof *this + entries_.capacity() * sizeof(Entry) + index_.capacity() * slot_bytes);
}

void SenderTable::forget_expired(Instant now) {
  for (size_t i = entries_.size(); i-- > 0;) {
    Entry& entry = entries_[i];
    if (!entry.told || entry.lease_end > now) continue;
    entry.told = false;
    --told_;
    remove_if_unused(&entry);
  }
}

SenderTable::Tell SenderTable::tell_pause(const Origin& sender, Instant now, Instant lease_end) {
  const Entry* known = find(sender);
  const bool knows = known != nullptr && known->told && known->lease_end > now;
  if (knows) return Tell::kKnows;
  const bool needs_room = known == nullptr || !known->told;
  if (needs_room && told_ >= senders_max_) forget_expired(now);
  if (needs_room && told_ >= senders_max_) return Tell::kNoRoom;
  Entry& entry = find_or_add(sender);
  if (!entry.told) ++told_;
  entry.told = true;
  entry.lease_end = lease_end;
  return Tell::kTell;
}

bool SenderTable::gate_closed(const Origin& sender) const {
  const auto found = index_.find(sender);
  return found != index_.end() && entries_[found->second].gate_closed;
}

bool SenderTable::close_gate(const Origin& sender) {
  if (gate_closed(sender)) return false;
  find_or_add(sender).gate_closed = true;
  ++gates_;
  return true;
}

bool SenderTable::open_gate(const Origin& sender) {
  Entry* entry = find(sender);
  if (entry == nullptr || !entry->gate_closed) return false;
  entry->gate_closed = false;
  --gates_;
  remove_if_unused(entry);
  return true;
}

Origin SenderTable::take_told() {
  assert(has_told());
  for (size_t i = entries_.size(); i-- > 0;) {
    Entry& entry = entries_[i];
    if (!entry.told) continue;
    const Origin sender = entry.sender;
    entry.told = false;
    --told_;
    remove_if_unused(&entry);
    return sender;
  }
  return {};
}

std::vector<Origin> SenderTable::gates() const {
  std::vector<Origin> gates;
  gates.reserve(gates_);
  for (const Entry& entry : entries_) {
    if (entry.gate_closed) gates.push_back(entry.sender);
  }
  return gates;
}

}  // namespace onehop::core
