// FilterIndex: see the header.
#include "core/rooms/filter_index.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "core/rooms/topic_filter.h"

namespace onehop::core {
namespace {

constexpr uint32_t kNotHeld = UINT32_MAX;

// What the allocator takes for a block of this size.
constexpr size_t allocated(size_t bytes) {
  return std::max<size_t>(32, (bytes + 8 + 15) / 16 * 16);
}

}  // namespace

FilterId FilterIndex::find(Bytes filter, uint64_t hash) const {
  const auto found = by_text_.find(Key{filter, hash});
  return found == by_text_.end() ? FilterId{} : filters_.id_at(*found);
}

FilterId FilterIndex::find_or_add(Bytes filter, uint64_t hash) {
  if (const FilterId id = find(filter, hash)) return id;
  assert(filter.size() <= UINT8_MAX);
  const FilterId id = filters_.insert();
  Filter& added = filters_[id.index];
  added.hash = hash;
  added.size = static_cast<uint8_t>(filter.size());
  added.bytes.reset(new char[filter.size()]);
  std::memcpy(added.bytes.get(), filter.data(), filter.size());
  text_bytes_ += allocated(filter.size());
  by_text_.insert(id.index);
  if (has_wildcard(filter)) tree_.insert(filter, id.index);
  return id;
}

void FilterIndex::drop_unwanted(FilterId id) {
  const Filter& filter = filters_[id.index];
  if (filter.shards != 0 || !filter.subscribers.empty()) return;
  if (has_wildcard(filter.text())) tree_.erase(filter.text());
  text_bytes_ -= allocated(filter.size);
  by_text_.erase(id.index);
  filters_.erase(id);
}

uint32_t FilterIndex::subscriptions(uint32_t session) const {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? 0 : found->second.held.size();
}

// At most 1,024 of 8 bytes: a walk along them is as fast as anything cleverer.
uint32_t FilterIndex::find_held(const SmallList<Held>& held, uint32_t filter) {
  const std::span<const Held> all = held.all();
  const auto found = std::find_if(all.begin(), all.end(), [filter](const Held& one) { return one.filter == filter; });
  return found == all.end() ? kNotHeld : static_cast<uint32_t>(found - all.begin());
}

bool FilterIndex::has(uint32_t session, FilterId id) const {
  const auto found = sessions_.find(session);
  return found != sessions_.end() && find_held(found->second.held, id.index) != kNotHeld;
}

void FilterIndex::subscribe(uint32_t session, FilterId id, bool no_echo) {
  Holder& holder = sessions_[session];
  SmallList<Held>& held = holder.held;
  SmallList<Subscriber>& subscribers = filters_[id.index].subscribers;
  if (const uint32_t at = find_held(held, id.index); at != kNotHeld) {
    subscribers[held[at].place].no_echo = no_echo ? 1 : 0;
    return;
  }
  list_bytes_ -= held.held_bytes() + subscribers.held_bytes();
  Held one{};
  one.filter = id.index;
  one.place = subscribers.size() & (UINT32_MAX >> 1);
  one.is_first = subscribers.empty() ? 1 : 0;
  if (one.is_first != 0) holder.charged_bytes += charge(filters_[id.index]);
  held.push_back(one);
  Subscriber subscriber;
  subscriber.session = session & (UINT32_MAX >> 1);
  subscriber.no_echo = no_echo ? 1 : 0;
  subscribers.push_back(subscriber);
  list_bytes_ += held.held_bytes() + subscribers.held_bytes();
}

void FilterIndex::unsubscribe(uint32_t session, FilterId id) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  SmallList<Held>& held = found->second.held;
  const uint32_t at = find_held(held, id.index);
  if (at == kNotHeld) return;
  if (held[at].is_first != 0) found->second.charged_bytes -= charge(filters_[id.index]);
  SmallList<Subscriber>& subscribers = filters_[id.index].subscribers;
  list_bytes_ -= held.held_bytes() + subscribers.held_bytes();
  const uint32_t place = held[at].place;
  // The last subscriber takes the place that becomes free.
  SmallList<Held>& moved = sessions_.find(subscribers[subscribers.size() - 1].session)->second.held;
  moved[find_held(moved, id.index)].place = place & (UINT32_MAX >> 1);
  subscribers.erase(place);
  held.erase(at);
  list_bytes_ += held.held_bytes() + subscribers.held_bytes();
  if (held.empty()) sessions_.erase(found);
}

FilterId FilterIndex::any_of(uint32_t session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return {};
  // The one that is found first.
  return filters_.id_at(found->second.held[0].filter);
}

void FilterIndex::set_audience_elsewhere(FilterId id, ShardIndex shard, const Audience& audience) {
  Filter& filter = filters_[id.index];
  const uint64_t bit = uint64_t{1} << shard;
  filter.shards = audience.kind == Audience::Kind::kNobody ? filter.shards & ~bit : filter.shards | bit;
  if (audience.kind == Audience::Kind::kAllBut) {
    filter.all_but_one = true;
    all_but_[at_shard(id.index, shard)] = audience.sender;
  } else if (filter.all_but_one) {
    all_but_.erase(at_shard(id.index, shard));
    if (filter.shards == 0) filter.all_but_one = false;
  }
}

void FilterIndex::match(Bytes topic, uint64_t hash) {
  matched_.clear();
  merged_.clear();
  if (const auto found = by_text_.find(Key{topic, hash}); found != by_text_.end()) matched_.push_back(*found);
  if (!tree_.empty()) tree_.match(topic, matched_);
}

std::span<const Subscriber> FilterIndex::subscribers() {
  uint32_t with_subscribers = 0;
  uint32_t last = 0;
  for (const uint32_t filter : matched_) {
    if (filters_[filter].subscribers.empty()) continue;
    ++with_subscribers;
    last = filter;
  }
  if (with_subscribers == 0) return {};
  if (with_subscribers == 1) return filters_[last].subscribers.all();
  if (merged_.empty()) merge_subscribers();
  return merged_;
}

void FilterIndex::merge_subscribers() {
  merged_.clear();
  for (const uint32_t filter : matched_) {
    const std::span<const Subscriber> all = filters_[filter].subscribers.all();
    merged_.insert(merged_.end(), all.begin(), all.end());
  }
  // Of one session's, the one that wants its own messages comes first.
  std::sort(merged_.begin(), merged_.end(), [](const Subscriber& a, const Subscriber& b) {
    return a.session != b.session ? a.session < b.session : a.no_echo < b.no_echo;
  });
  const auto same = [](const Subscriber& a, const Subscriber& b) { return a.session == b.session; };
  merged_.erase(std::unique(merged_.begin(), merged_.end(), same), merged_.end());
}

uint64_t FilterIndex::shards_for(const Origin& sender) const {
  const uint64_t own_bit = uint64_t{1} << sender.shard;
  uint64_t shards = 0;
  for (const uint32_t index : matched_) {
    const Filter& filter = filters_[index];
    uint64_t wanted_by = filter.shards;
    if (filter.all_but_one && (wanted_by & own_bit) != 0) {
      const auto found = all_but_.find(at_shard(index, sender.shard));
      if (found != all_but_.end() && found->second == sender.session) wanted_by &= ~own_bit;
    }
    shards |= wanted_by;
  }
  return shards;
}

// What is free in tables and pages is used again, and not counted: it stays when the clients have gone.
size_t FilterIndex::held_bytes() const {
  return filters_.size() * kFilterBytes + text_bytes_ + list_bytes_ + sessions_.size() * kSessionBytes +
         all_but_.size() * kAllButBytes + tree_.held_bytes();
}

size_t FilterIndex::held_for(uint32_t session) const {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return 0;
  return kSessionBytes + found->second.held.held_bytes() + found->second.charged_bytes;
}

// What it takes on all shards that keep it.
size_t FilterIndex::charge(const Filter& filter) const {
  const size_t bytes = kFilterBytes + allocated(filter.size);
  const Bytes text = filter.text();
  if (!has_wildcard(text)) return bytes;
  const auto levels = 1 + static_cast<size_t>(std::count(text.begin(), text.end(), '/'));
  return shards_ * (bytes + levels * FilterTree::kNodeBytes);
}

}  // namespace onehop::core
