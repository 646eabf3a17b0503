// OpenReplies: see the header.
#include "core/rooms/open_replies.h"

#include <cassert>

namespace onehop::core {
namespace {

// Beside itself: its place in the two tables, and in the tree of deadlines.
constexpr size_t kTableBytes = 40 + 16 + 56;

}  // namespace

void OpenReplies::add(const RequestKey& key, const Origin& sender, uint32_t frame_bytes, SessionId responder) {
  const auto [place, is_new] = by_key_.try_emplace(key, kNone);
  assert(is_new);
  place->second = requests_.insert().index;
  Request& request = requests_[place->second];
  request.key = key;
  request.sender = sender;
  request.responder = responder;
  request.frame_bytes = frame_bytes;
  List& list = of_responder_[responder.index];
  ++list.count;
  request.earlier = std::exchange(list.latest, place->second);
  if (request.earlier != kNone) requests_[request.earlier].later = place->second;
  count_held();
}

OpenReplies::Request* OpenReplies::find(const RequestKey& key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &requests_[found->second];
}

void OpenReplies::acknowledge(Request& request, Instant deadline) {
  request.acknowledged = true;
  request.deadline = deadline;
  due_.emplace(deadline.ms, by_key_.find(request.key)->second);
}

void OpenReplies::erase(Request& request) {
  const auto found = by_key_.find(request.key);
  const uint32_t index = found->second;
  if (request.acknowledged) due_.erase({request.deadline.ms, index});
  if (request.earlier != kNone) requests_[request.earlier].later = request.later;
  const auto list = of_responder_.find(request.responder.index);
  (request.later != kNone ? requests_[request.later].earlier : list->second.latest) = request.earlier;
  if (--list->second.count == 0) of_responder_.erase(list);
  by_key_.erase(found);
  requests_.erase(requests_.id_at(index));
  count_held();
}

void OpenReplies::take(uint32_t index, Request& taken) {
  taken = requests_[index];
  erase(requests_[index]);
}

bool OpenReplies::take_acknowledged_of(SessionId responder, Request& taken) {
  const auto list = of_responder_.find(responder.index);
  uint32_t at = list == of_responder_.end() ? kNone : list->second.latest;
  while (at != kNone && !requests_[at].acknowledged) at = requests_[at].earlier;
  if (at == kNone) return false;
  take(at, taken);
  return true;
}

void OpenReplies::erase_all_of(SessionId responder) {
  for (auto list = of_responder_.find(responder.index); list != of_responder_.end();
       list = of_responder_.find(responder.index)) {
    erase(requests_[list->second.latest]);
  }
}

size_t OpenReplies::held_for(SessionId responder) const {
  const auto list = of_responder_.find(responder.index);
  return list == of_responder_.end() ? 0 : list->second.count * (sizeof(Request) + kTableBytes);
}

bool OpenReplies::take_due(Instant now, Request& taken) {
  if (next_deadline() > now) return false;
  take(due_.begin()->second, taken);
  return true;
}

bool OpenReplies::take_acknowledged(Request& taken) {
  if (due_.empty()) return false;
  take(due_.begin()->second, taken);
  return true;
}

void OpenReplies::count_held() {
  account_.set(requests_.size() * (sizeof(Request) + kTableBytes));
}

}  // namespace onehop::core
