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
  const auto [first, is_first] = first_of_.try_emplace(responder.index, place->second);
  if (!is_first) {
    request.earlier = std::exchange(first->second, place->second);
    requests_[request.earlier].later = place->second;
  }
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
  if (request.later != kNone) {
    requests_[request.later].earlier = request.earlier;
  } else if (request.earlier != kNone) {
    first_of_[request.responder.index] = request.earlier;
  } else {
    first_of_.erase(request.responder.index);
  }
  by_key_.erase(found);
  requests_.erase(requests_.id_at(index));
  count_held();
}

void OpenReplies::take(uint32_t index, Request& taken) {
  taken = requests_[index];
  erase(requests_[index]);
}

bool OpenReplies::take_acknowledged_of(SessionId responder, Request& taken) {
  const auto first = first_of_.find(responder.index);
  for (uint32_t at = first == first_of_.end() ? kNone : first->second; at != kNone; at = requests_[at].earlier) {
    if (!requests_[at].acknowledged) continue;
    take(at, taken);
    return true;
  }
  return false;
}

void OpenReplies::erase_all_of(SessionId responder) {
  for (auto first = first_of_.find(responder.index); first != first_of_.end();
       first = first_of_.find(responder.index)) {
    erase(requests_[first->second]);
  }
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
