// Connections that wait, each until a deadline of its own, for what must come before a shard has them. The loop's
// thread only.
//
// Invariant: while anybody is here, the timer is armed for the earliest deadline or for one before it.
#pragma once

#include <algorithm>
#include <functional>
#include <iterator>
#include <list>
#include <optional>
#include <utility>

#include "core/base/instant.h"
#include "reactor/loop.h"
#include "reactor/timer.h"

namespace onehop::server {

// A Guest has a member `deadline`, an Instant of the loop's clock.
template <typename Guest>
class WaitingRoom {
 public:
  // Where a guest is, until it leaves.
  using Place = typename std::list<Guest>::iterator;

  // `on_overdue` is told of each guest whose deadline has passed. It is out of the room by then, and goes after the
  // call.
  WaitingRoom(reactor::Loop& loop, std::function<void(Guest&)> on_overdue)
      : loop_(loop), on_overdue_(std::move(on_overdue)), timer_(loop, [this] { sweep(); }) {}

  Place enter(Guest guest) {
    // Most deadlines are later than all before, so that the search from the back ends at once.
    auto before = guests_.end();
    while (before != guests_.begin() && std::prev(before)->deadline > guest.deadline) --before;
    const Place place = guests_.insert(before, std::move(guest));
    arm();
    return place;
  }
  // Takes a guest out, so that what is done with it cannot meet it here.
  Guest take(Place place) {
    Guest guest = std::move(*place);
    guests_.erase(place);
    return guest;
  }
  // All leave.
  void clear() {
    guests_.clear();
    timer_.disarm();
  }
  size_t size() const { return guests_.size(); }
  // The first guest, in the order of the deadlines, of which `matches` is true; nothing: there is none.
  template <typename Matches>
  std::optional<Place> find_first(Matches matches) {
    const Place found = std::find_if(guests_.begin(), guests_.end(), matches);
    return found == guests_.end() ? std::nullopt : std::optional(found);
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Guest& guest : guests_) visit(guest);
  }

 private:
  void sweep() {
    while (!guests_.empty() && guests_.front().deadline.ms <= loop_.now_ms()) {
      std::list<Guest> overdue;
      overdue.splice(overdue.begin(), guests_, guests_.begin());
      on_overdue_(overdue.front());
    }
    arm();
  }
  void arm() {
    if (!guests_.empty()) timer_.arm_at(guests_.front().deadline.ms);
  }

  reactor::Loop& loop_;
  const std::function<void(Guest&)> on_overdue_;
  std::list<Guest> guests_;  // In the order of their deadlines.
  reactor::Timer timer_;
};

}  // namespace onehop::server
