// Who wants the messages of a topic: sessions of this shard, and other shards on behalf of theirs.
//
// A filter is kept once, however many subscribe to it. Filters without wildcards, and all others too, are found by
// their text in one table, whose hash is the keyed hash of the text. Those with wildcards are in a tree as well.
//
// A session's subscriptions belong to its index in the shard, so whoever ends a session drops them first. Each knows
// its place among the subscribers of its filter, so that leaving does not depend on how many there are.
//
// Invariants: a filter is there as long as it has a subscriber here, or another shard has told that it has some. A
// session is once among the subscribers of a filter at most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/name_hash.h"
#include "core/base/slab.h"
#include "core/rooms/filter_tree.h"
#include "core/rooms/small_list.h"

namespace onehop::core {

// One of a filter's subscribers.
struct Subscriber {
  uint32_t session : 31 = 0;  // Its index.
  uint32_t no_echo : 1 = 0;   // It does not want what it has sent itself.
};

// Who of a shard would get a message that a filter matches, as far as others must know it.
struct Audience {
  enum class Kind : uint8_t {
    kNobody,
    kAllBut,    // Only the session `sender`, which does not want its own messages: somebody for all other senders.
    kSomebody,  // Somebody for every sender.
  };
  Kind kind = Kind::kNobody;
  SessionId sender{};

  friend bool operator==(const Audience&, const Audience&) = default;
};

// Names a filter as long as it is there.
struct FilterId {
  uint32_t index = 0;
  uint32_t generation = 0;  // 0: no filter.

  explicit operator bool() const { return generation != 0; }
};

class FilterIndex {
 public:
  // `shards` is how many shards keep a filter with wildcards.
  explicit FilterIndex(const HashKey& key, ShardIndex shards = 1)
      : shards_(shards), tree_(key), by_text_(0, Hash{&filters_}, Equal{&filters_}) {}
  FilterIndex(const FilterIndex&) = delete;
  FilterIndex& operator=(const FilterIndex&) = delete;

  // `hash` is the text's name_hash. None if nobody wants it.
  FilterId find(Bytes filter, uint64_t hash) const;
  // `filter` is valid. If it gets no subscriber, drop_unwanted() has to follow.
  FilterId find_or_add(Bytes filter, uint64_t hash);
  void drop_unwanted(FilterId id);
  Bytes text(FilterId id) const { return filters_[id.index].text(); }
  uint64_t hash(FilterId id) const { return filters_[id.index].hash; }
  // Nobody wants anything, here or elsewhere.
  bool empty() const { return filters_.size() == 0; }

  // How many filters the session has subscribed to.
  uint32_t subscriptions(uint32_t session) const;
  bool has(uint32_t session, FilterId id) const;
  // The latest `no_echo` of a session holds.
  void subscribe(uint32_t session, FilterId id, bool no_echo);
  // Does nothing if it has not subscribed.
  void unsubscribe(uint32_t session, FilterId id);
  // One of the filters that the session has subscribed to; none if there is none.
  FilterId any_of(uint32_t session);
  // Calls `visit` with each filter that the session has subscribed to.
  template <typename Visit>
  void for_each_of(uint32_t session, Visit visit) const {
    const auto found = sessions_.find(session);
    if (found == sessions_.end()) return;
    for (const Held& held : found->second.held.all()) visit(filters_[held.filter].text());
  }
  // The filter's subscribers on this shard. `session_at` gives the SessionId of an index.
  template <typename SessionAt>
  Audience audience(FilterId id, SessionAt session_at) const {
    const std::span<const Subscriber> all = filters_[id.index].subscribers.all();
    if (all.empty()) return {};
    if (all.size() > 1 || all[0].no_echo == 0) return {Audience::Kind::kSomebody, {}};
    return {Audience::Kind::kAllBut, session_at(all[0].session)};
  }

  // What another shard has told of its subscribers to a filter.
  void set_audience_elsewhere(FilterId id, ShardIndex shard, const Audience& audience);

  // Looks up who wants a topic's message; the other calls below speak of the last one looked up, until something
  // changes. `hash` is the topic's name_hash.
  void match(Bytes topic, uint64_t hash);
  // Sessions of this shard, each once, with no_echo if all their subscriptions that match say so.
  std::span<const Subscriber> subscribers();
  // A bit for each other shard on which somebody wants what this sender sends.
  uint64_t shards_for(const Origin& sender) const;

  // About what all of it takes beside itself, and what would be free without the session's subscriptions.
  size_t held_bytes() const;
  size_t held_for(uint32_t session) const;

 private:
  struct Filter {
    uint64_t hash = 0;
    uint64_t shards = 0;  // A bit for each other shard that has subscribers.
    SmallList<Subscriber> subscribers;
    std::unique_ptr<char[]> bytes;
    uint8_t size = 0;
    bool all_but_one = false;  // Something of it is in `all_but_`.

    Bytes text() const { return {bytes.get(), size}; }
  };
  // One of a session's subscriptions.
  struct Held {
    uint32_t filter;        // Its index.
    uint32_t place : 31;    // Among the filter's subscribers.
    uint32_t is_first : 1;  // It was the first one, and the filter is charged to its session.
  };
  struct Holder {
    SmallList<Held> held;
    size_t charged_bytes = 0;  // For the filters of which it was the first subscriber.
  };
  struct Key {
    Bytes text;
    uint64_t hash;
  };
  struct Hash {
    using is_transparent = void;
    const Slab<Filter, FilterId>* filters;
    size_t operator()(const Key& key) const { return key.hash; }
    size_t operator()(uint32_t filter) const { return (*filters)[filter].hash; }
  };
  struct Equal {
    using is_transparent = void;
    const Slab<Filter, FilterId>* filters;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t filter, const Key& key) const { return (*filters)[filter].text() == key.text; }
  };

  static constexpr size_t kFilterBytes = sizeof(Filter) + sizeof(FilterId) + 8;
  static constexpr size_t kSessionBytes = (sizeof(uint64_t) + sizeof(Holder) + 1) * 3 / 2;
  static constexpr size_t kAllButBytes = (sizeof(uint64_t) + sizeof(SessionId) + 1) * 3 / 2;

  size_t charge(const Filter& filter) const;
  static uint32_t find_held(const SmallList<Held>& held, uint32_t filter);
  void merge_subscribers();
  static uint64_t at_shard(uint32_t filter, ShardIndex shard) { return uint64_t{filter} << 16 | shard; }

  const ShardIndex shards_;
  Slab<Filter, FilterId> filters_;
  FilterTree tree_;
  absl::flat_hash_set<uint32_t, Hash, Equal> by_text_;
  absl::flat_hash_map<uint32_t, Holder> sessions_;  // By index.
  // By at_shard(): audiences elsewhere of the kind kAllBut.
  absl::flat_hash_map<uint64_t, SessionId> all_but_;
  size_t text_bytes_ = 0;
  size_t list_bytes_ = 0;  // Of the lists on both sides.
  std::vector<uint32_t> matched_;
  std::vector<Subscriber> merged_;
};

}  // namespace onehop::core
