// See the header.
#include "client/subscriptions.h"

#include <algorithm>
#include <utility>

#include "core/base/limits.h"

namespace onehop::client {

SendStatus Subscriptions::subscribe(std::string_view filter, const SubscribeOptions& options) {
  return wish(filter, true, options.no_echo);
}

SendStatus Subscriptions::unsubscribe(std::string_view filter) {
  return wish(filter, false, false);
}

// If an earlier wish for this filter still waits for its answer, that answer is not told any more.
SendStatus Subscriptions::wish(std::string_view filter, bool wanted, bool no_echo) {
  if (what_is_wrong_with_filter(filter) != nullptr) return SendStatus::kInvalid;
  auto place = entries_.find(filter);
  if (place == entries_.end()) place = entries_.try_emplace(std::string(filter)).first;
  Entry& entry = place->second;
  entry.wanted = wanted;
  entry.no_echo = no_echo;
  if (open_) {
    ask(place);
  } else {
    entry.settled = false;
  }
  return SendStatus::kAccepted;
}

void Subscriptions::ask(Entries::iterator place) {
  Entry& entry = place->second;
  entry.settled = false;
  entry.again_at = core::Instant::never();
  if (!served_) return owed_.push_back(place->first);
  if (entry.ref != 0) under_way_.erase(entry.ref);
  entry.ref = ++last_ref_;
  under_way_.emplace(entry.ref, place);
  v1::Frame frame;
  if (entry.wanted) {
    v1::Subscribe& subscribe = *frame.mutable_subscribe();
    subscribe.set_topic(place->first);
    subscribe.set_ref(entry.ref);
    subscribe.set_no_echo(entry.no_echo);
  } else {
    v1::Unsubscribe& unsubscribe = *frame.mutable_unsubscribe();
    unsubscribe.set_topic(place->first);
    unsubscribe.set_ref(entry.ref);
  }
  sender_.append_frame(frame);
}

void Subscriptions::opened(const v1::Connected& connected) {
  open_ = true;
  served_ = (connected.features() & core::kFeatureTopics) != 0;
  for (auto place = entries_.begin(); place != entries_.end(); ++place) {
    Entry& entry = place->second;
    if (!connected.resumed()) entry.settled = false;
    if (entry.settled) continue;
    if (!connected.resumed() && !entry.wanted) {
      // It ended with the session.
      owed_.push_back(place->first);
    } else {
      ask(place);
    }
  }
}

void Subscriptions::closed() {
  if (!std::exchange(open_, false)) return;
  for (auto& [filter, entry] : entries_) {
    entry.ref = 0;
    entry.again_at = core::Instant::never();
  }
  under_way_.clear();
  owed_.clear();
  again_at_ = core::Instant::never();
}

const char* Subscriptions::on_subscribed(core::Bytes body, core::Instant now) {
  v1::Subscribed subscribed;
  if (!subscribed.ParseFromArray(body.data(), static_cast<int>(body.size()))) return "a subscribed that does not parse";
  const auto found = under_way_.find(subscribed.ref());
  if (found == under_way_.end()) return nullptr;
  const Entries::iterator place = found->second;
  under_way_.erase(found);
  place->second.ref = 0;
  if (subscribed.reason() != v1::REASON_UNSPECIFIED && subscribed.retry_after_ms() != 0) {
    place->second.again_at = now + subscribed.retry_after_ms();
    again_at_ = std::min(again_at_, place->second.again_at);
  } else {
    settle(place, static_cast<Reason>(std::min<int>(subscribed.reason(), UINT8_MAX)));
  }
  return nullptr;
}

// The event may say anything about this filter and others, so nothing of the entry is used after it.
void Subscriptions::settle(Entries::iterator place, Reason reason) {
  Entry& entry = place->second;
  const bool wanted = entry.wanted;
  entry.settled = true;
  entry.has_held = entry.has_held || reason == Reason::kNone;
  const std::string filter = place->first;
  if (!wanted || !entry.has_held) entries_.erase(place);
  if (wanted) {
    events_.on_subscribed(filter, reason);
  } else {
    events_.on_unsubscribed(filter);
  }
}

void Subscriptions::on_tick(core::Instant now) {
  // An event that wishes something else of such a filter makes it owed once more.
  for (const std::string& filter : std::exchange(owed_, {})) {
    const auto place = entries_.find(filter);
    if (place == entries_.end() || place->second.settled || place->second.ref != 0) continue;
    settle(place, served_ ? Reason::kNone : Reason::kUnsupported);
  }
  if (now < again_at_) return;
  again_at_ = core::Instant::never();
  for (auto place = entries_.begin(); place != entries_.end(); ++place) {
    if (place->second.again_at <= now) ask(place);
    again_at_ = std::min(again_at_, place->second.again_at);
  }
}

}  // namespace onehop::client
