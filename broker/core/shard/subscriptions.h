// Subscriptions: which topics the sessions of this shard want, and what other shards know of that.
//
// A filter without wildcards must be known at the home of the one topic that it matches, a filter with wildcards on
// every shard. They are told who is there for it (Audience) whenever that changes, in a control record. A client is
// answered when all of them know: its shard asks each to answer what it has been told before, as a barrier does.
//
// Invariants: what the last record about a filter said to a shard is what `index_` says now. Each subscribe and
// unsubscribe has one answer, if its connection is still there.
#pragma once

#include <cstdint>

#include <absl/container/flat_hash_map.h>

#include "core/base/account.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/slab.h"
#include "core/crossing/record.h"
#include "core/rooms/filter_index.h"
#include "core/session/session.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

struct ShardParts;

class Subscriptions {
 public:
  explicit Subscriptions(ShardParts& shard);
  Subscriptions(const Subscriptions&) = delete;
  Subscriptions& operator=(const Subscriptions&) = delete;

  // Frames of an open link.
  void handle_subscribe(LinkId id, Link& link, Session& session, Bytes body);
  void handle_unsubscribe(LinkId id, Link& link, Session& session, Bytes body);
  // The client may subscribe.
  void subscribe(SessionId id, Session& session, const v1::Subscribe& wanted);
  void answer(Session& session, uint64_t ref, v1::Reason reason, uint32_t retry_after_ms = 0);
  // Answers that it holds, when these shards (a bit each) have read what they were told before.
  void answer_when_known(SessionId id, Session& session, uint64_t ref, uint64_t shards);
  // Whether the session has subscribed to this filter.
  bool has(SessionId id, Bytes filter) const;
  // Called before the session is gone.
  void session_ended(SessionId id);

  // Who wants the messages of topics.
  FilterIndex& index() { return index_; }
  // What a session's subscriptions take of the broker's memory.
  size_t held_for(const Session& session) const;

  // Another shard tells who is there for a filter.
  void take_audience(const NameRecord& record, Bytes filter);
  // Another shard wants to know that what it has told is known, or says so.
  void take_asked(const Origin& asker, const Origin& question);
  void take_known(const Origin& question);

 private:
  // An answer that waits for other shards.
  struct Waiting {
    SessionId session;
    LinkId link;
    uint64_t ref;
    uint32_t outstanding;
  };
  struct WaitingId {
    uint32_t index = 0;
    uint32_t generation = 0;
  };

  void unsubscribe(SessionId id, Bytes filter);
  void drop(SessionId id, FilterId filter);
  Audience audience(FilterId id) const;
  uint64_t shards_to_tell(Bytes filter, uint64_t hash) const;
  void tell_if_changed(FilterId id, const Audience& before);
  void count_held() { account_.set(index_.held_bytes()); }

  ShardParts& shard_;
  FilterIndex index_;
  Account account_;
  Slab<Waiting, WaitingId> waiting_;
  absl::flat_hash_map<uint32_t, uint32_t> waiting_for_;  // By the index of a session: its answers that wait.
};

}  // namespace onehop::core
