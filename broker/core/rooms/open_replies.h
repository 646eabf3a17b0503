// The requests that sessions of one shard have got and not replied to. Until a request is acknowledged its recipient's
// backlog decides what becomes of it; afterwards it is only here, until the reply has been admitted, its ttl runs out
// or the recipient's session ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "core/base/account.h"
#include "core/base/counters.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/base/slab.h"

namespace onehop::core {

// A message of any session: the number of the sender's session, and the id it has there.
struct RequestKey {
  uint64_t session = 0;
  uint64_t id = 0;

  friend bool operator==(const RequestKey&, const RequestKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const RequestKey& key) {
    return H::combine(std::move(h), key.session, key.id);
  }
};

class OpenReplies {
 public:
  struct Request {
    RequestKey key;
    Origin sender;  // Of the request.
    SessionId responder;
    Instant deadline;  // Once it is acknowledged.
    uint32_t frame_bytes = 0;
    bool acknowledged = false;
    bool replied = false;  // The reply has been admitted before the acknowledgement.
    // Others of the same responder, by their index.
    uint32_t earlier = kNone;
    uint32_t later = kNone;
  };
  static constexpr uint32_t kNone = UINT32_MAX;

  explicit OpenReplies(Counters& totals) : account_(totals.state_bytes) {}
  OpenReplies(const OpenReplies&) = delete;
  OpenReplies& operator=(const OpenReplies&) = delete;

  bool empty() const { return by_key_.empty(); }
  // What those of one responder take of the broker's memory.
  size_t held_for(SessionId responder) const;
  // A request that is not here yet.
  void add(const RequestKey& key, const Origin& sender, uint32_t frame_bytes, SessionId responder);
  // Good until the next call that adds or erases; or nullptr.
  Request* find(const RequestKey& key);
  // From now on only `deadline` ends its wait.
  void acknowledge(Request& request, Instant deadline);
  void erase(Request& request);

  // Takes out one request of this responder, of those that are acknowledged or of all. False if there is none.
  bool take_acknowledged_of(SessionId responder, Request& taken);
  void erase_all_of(SessionId responder);
  // Takes out one whose deadline has come.
  bool take_due(Instant now, Request& taken);
  // Takes out any that is acknowledged.
  bool take_acknowledged(Request& taken);
  Instant next_deadline() const { return due_.empty() ? Instant::never() : Instant{due_.begin()->first}; }

 private:
  struct Id {
    uint32_t index = 0;
    uint32_t generation = 0;
  };

  struct List {
    uint32_t latest = kNone;
    uint32_t count = 0;
  };

  void take(uint32_t index, Request& taken);
  void count_held();

  Slab<Request, Id> requests_;
  absl::flat_hash_map<RequestKey, uint32_t> by_key_;
  absl::flat_hash_map<uint32_t, List> of_responder_;  // By the index of its session.
  std::set<std::pair<uint64_t, uint32_t>> due_;       // Those that are acknowledged, by deadline.
  Account account_;
};

}  // namespace onehop::core
