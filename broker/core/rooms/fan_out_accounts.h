// The accounts of confirmed messages to topics, at the home of the topics: how many outcomes of each are still missing,
// and what the others were. When none is missing, the sender is told one receipt.
//
//   open ─▶ report, by each shard with subscribers ─▶ settle, for each of those admitted ─▶ told
//
// Invariants: the accounts of one sender are in the order of their ids. Its send window bounds those that are open,
// because each is a message without an outcome; those that are told and still here are no more than the open ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "core/base/account.h"
#include "core/base/counters.h"
#include "core/base/ids.h"
#include "core/wire/fate.h"

namespace onehop::core {

// What one shard has done with a message.
struct FanOutReport {
  uint32_t admitted = 0;  // For how many subscribers. Each of them has an outcome later.
  uint32_t missed = 0;
  Fate miss;  // Of the first that missed it.
};

class FanOutAccounts {
 public:
  explicit FanOutAccounts(Counters& totals) : account_(totals.state_bytes) {}
  FanOutAccounts(const FanOutAccounts&) = delete;
  FanOutAccounts& operator=(const FanOutAccounts&) = delete;

  // Opens the account of a message. `reports` is how many shards will report about it. Its id is higher than the ids in
  // this sender's other accounts.
  void open(const Origin& sender, uint64_t id, uint32_t frame_bytes, uint32_t reports);
  // These call `tell(receipt)` for each message that has nothing missing any more.
  template <typename Tell>
  void report(const Origin& sender, uint64_t id, const FanOutReport& report, Tell tell) {
    apply(
        sender, id, id, [&report](Entry& entry) { entry.take(report); }, tell);
  }
  // One outcome of each id from `first_id` to `last_id`.
  template <typename Tell>
  void settle(const Origin& sender, uint64_t first_id, uint64_t last_id, const Fate& fate, Tell tell) {
    apply(
        sender, first_id, last_id, [&fate](Entry& entry) { entry.take(fate); }, tell);
  }
  bool empty() const { return senders_.empty(); }

 private:
  struct Entry {
    uint64_t id;
    uint32_t frame_bytes;
    uint32_t outstanding;  // Reports and outcomes. 0: told.
    uint32_t reached = 0;
    uint32_t missed = 0;
    bool attempted = false;
    Fate miss{};  // The first.

    void take(const FanOutReport& report);
    void take(const Fate& fate);
    void add_misses(uint32_t count, const Fate& fate);
    Fate result() const;
  };
  struct Accounts {
    std::vector<Entry> entries;
    size_t told = 0;  // How many of them are told.
  };

  template <typename Change, typename Tell>
  void apply(const Origin& sender, uint64_t first_id, uint64_t last_id, Change change, Tell tell) {
    const auto found = senders_.find(sender);
    if (found == senders_.end()) return;
    Accounts& accounts = *found->second;
    for (size_t at = position(accounts, first_id); at < accounts.entries.size(); ++at) {
      Entry& entry = accounts.entries[at];
      if (entry.id > last_id) break;
      if (entry.outstanding == 0) continue;
      change(entry);
      if (entry.outstanding != 0) continue;
      ++accounts.told;
      tell(Receipt{sender, {}, false, true, entry.frame_bytes, {entry.id, entry.id, entry.result(), {}}});
    }
    if (drop_told(accounts)) senders_.erase(found);
    count_held();
  }
  static size_t position(const Accounts& accounts, uint64_t id);
  bool drop_told(Accounts& accounts);
  void count_held();

  absl::flat_hash_map<Origin, std::unique_ptr<Accounts>> senders_;
  size_t entries_bytes_ = 0;
  Account account_;
};

}  // namespace onehop::core
