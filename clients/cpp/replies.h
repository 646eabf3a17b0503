// Which messages that arrive are the replies to requests of this session. An open request is known by its id, which the
// send log has; here is only what the log cannot tell: requests that have their outcome and not yet their reply, and
// open ones whose reply came first. Both are empty where no request is sent.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "core/base/instant.h"

namespace onehop::client {

class Replies {
 public:
  // An open request got its reply. False: it has had one before.
  bool came_first(uint64_t id) { return early_.insert(id).second; }
  // The attempt `id` has its outcome, or is refused. `replied`: the outcome says that there is a reply, which comes
  // before `until` or not at all.
  void settled(uint64_t id, uint64_t ticket, bool replied, core::Instant until) {
    if (!early_.empty() && early_.erase(id) != 0) return;
    if (!replied) return;
    awaited_[id] = {ticket, until};
    due_ = std::min(due_, until);
  }
  // The ticket of the request `id` if it has its outcome and waited for this reply; 0: it did not.
  uint64_t take(uint64_t id) {
    const auto found = awaited_.find(id);
    if (found == awaited_.end()) return 0;
    const uint64_t ticket = found->second.ticket;
    awaited_.erase(found);
    return ticket;
  }
  // The tickets of those whose reply does not come any more: by that time, or because the session ends.
  std::vector<uint64_t> take_due(core::Instant now);
  std::vector<uint64_t> take_all();
  // Whether a reply is still to come that is told already.
  bool are_awaited() const { return !awaited_.empty(); }
  core::Instant deadline() const { return due_; }

 private:
  struct Awaited {
    uint64_t ticket;
    core::Instant until;
  };

  // By id.
  std::map<uint64_t, Awaited> awaited_;
  std::set<uint64_t> early_;
  // Not after the first `until`.
  core::Instant due_ = core::Instant::never();
};

}  // namespace onehop::client
