// See the header.
#include "client/subscriptions.h"

#include <algorithm>
#include <utility>

#include "core/base/limits.h"

namespace onehop::client {

SendStatus Subscriptions::subscribe(std::string_view filter, const SubscribeOptions& options) {
  if (what_is_wrong_with_filter(filter) != nullptr) return SendStatus::kInvalid;
  return wish({Destination::kTopic, std::string(filter)}, true, options.no_echo);
}

SendStatus Subscriptions::unsubscribe(std::string_view filter) {
  if (what_is_wrong_with_filter(filter) != nullptr) return SendStatus::kInvalid;
  return wish({Destination::kTopic, std::string(filter)}, false, false);
}

SendStatus Subscriptions::serve(std::string_view service) {
  if (what_is_wrong_with_name(service) != nullptr) return SendStatus::kInvalid;
  return wish({Destination::kService, std::string(service)}, true, false);
}

SendStatus Subscriptions::unserve(std::string_view service) {
  if (what_is_wrong_with_name(service) != nullptr) return SendStatus::kInvalid;
  return wish({Destination::kService, std::string(service)}, false, false);
}

// If an earlier wish for the same still waits for its answer, that answer is not told any more.
SendStatus Subscriptions::wish(Key key, bool wanted, bool no_echo) {
  const Entries::iterator place = entries_.try_emplace(std::move(key)).first;
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
  const auto name_it = [&](auto& wish) {
    if (place->first.first == Destination::kService) {
      wish.set_service(place->first.second);
    } else {
      wish.set_topic(place->first.second);
    }
    wish.set_ref(entry.ref);
  };
  v1::Frame frame;
  if (entry.wanted) {
    name_it(*frame.mutable_subscribe());
    frame.mutable_subscribe()->set_no_echo(entry.no_echo);
  } else {
    name_it(*frame.mutable_unsubscribe());
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
  for (auto& [key, entry] : entries_) {
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

// The event may say anything about this one and others, so nothing of the entry is used after it.
void Subscriptions::settle(Entries::iterator place, Reason reason) {
  Entry& entry = place->second;
  const bool wanted = entry.wanted;
  entry.settled = true;
  entry.has_held = entry.has_held || reason == Reason::kNone;
  const Key key = place->first;
  if (!wanted || !entry.has_held) entries_.erase(place);
  tell(key, wanted, reason);
}

void Subscriptions::tell(const Key& key, bool wanted, Reason reason) {
  const auto& [kind, name] = key;
  if (kind == Destination::kService) return wanted ? events_.on_serving(name, reason) : events_.on_unserved(name);
  return wanted ? events_.on_subscribed(name, reason) : events_.on_unsubscribed(name);
}

void Subscriptions::on_tick(core::Instant now) {
  // An event that wishes something else of such a one makes it owed once more.
  for (const Key& key : std::exchange(owed_, {})) {
    const auto place = entries_.find(key);
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
