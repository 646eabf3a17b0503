// FanOutAccounts: see the header.
#include "core/rooms/fan_out_accounts.h"

#include <algorithm>
#include <cassert>

namespace onehop::core {

void FanOutAccounts::Entry::add_misses(uint32_t count, const Fate& fate) {
  if (count == 0) return;
  if (missed == 0) miss = fate;
  missed += count;
  attempted = attempted || fate.attempted;
}

void FanOutAccounts::Entry::take(const FanOutReport& report) {
  outstanding += report.admitted;
  --outstanding;
  add_misses(report.missed, report.miss);
}

void FanOutAccounts::Entry::take(const Fate& fate) {
  --outstanding;
  if (fate.outcome != v1::OUTCOME_DELIVERED) return add_misses(1, fate);
  ++reached;
  attempted = true;
}

Fate FanOutAccounts::Entry::result() const {
  Fate fate;
  if (reached != 0) {
    fate.outcome = missed == 0 ? v1::OUTCOME_DELIVERED : v1::OUTCOME_PARTIAL;
    fate.reason = missed == 0 ? v1::REASON_UNSPECIFIED : miss.reason;
  } else if (missed != 0) {
    fate = miss;
  } else {
    fate.reason = v1::REASON_NOBODY_THERE;
  }
  fate.attempted = attempted;
  fate.is_sum = true;
  fate.retry_after_ms = reached;
  fate.code = missed;
  return fate;
}

void FanOutAccounts::open(const Origin& sender, uint64_t id, uint32_t frame_bytes, uint32_t reports) {
  std::unique_ptr<Accounts>& place = senders_[sender];
  if (place == nullptr) place = std::make_unique<Accounts>();
  std::vector<Entry>& entries = place->entries;
  assert(entries.empty() || entries.back().id < id);
  const size_t capacity = entries.capacity();
  entries.push_back({id, frame_bytes, reports});
  entries_bytes_ += (entries.capacity() - capacity) * sizeof(Entry);
  count_held();
}

size_t FanOutAccounts::position(const Accounts& accounts, uint64_t id) {
  const auto found = std::lower_bound(accounts.entries.begin(), accounts.entries.end(), id,
                                      [](const Entry& entry, uint64_t wanted) { return entry.id < wanted; });
  return static_cast<size_t>(found - accounts.entries.begin());
}

// True if none is left.
bool FanOutAccounts::drop_told(Accounts& accounts) {
  std::vector<Entry>& entries = accounts.entries;
  if (accounts.told == entries.size()) {
    entries_bytes_ -= entries.capacity() * sizeof(Entry);
    return true;
  }
  // Once they are at least half of all, so that each of the others is moved about once.
  if (2 * accounts.told >= entries.size()) {
    std::erase_if(entries, [](const Entry& entry) { return entry.outstanding == 0; });
    accounts.told = 0;
  }
  return false;
}

void FanOutAccounts::count_held() {
  constexpr size_t kSenderBytes = sizeof(Origin) + sizeof(Accounts) + 32;
  account_.set(senders_.size() * kSenderBytes + entries_bytes_);
}

}  // namespace onehop::core
