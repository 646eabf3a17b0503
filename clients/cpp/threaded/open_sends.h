// The messages that the engine has accepted, by their tickets, until they have their outcomes.
//
// Tickets rise by one, and most outcomes come in their order. So the place of a ticket is mostly its distance from the
// first one. A message that settles out of order leaves a hole. When there are more holes than open messages, the holes
// are closed, and a search finds the places. So memory is bounded by what was open at the same time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "client/threaded/batch.h"

namespace onehop::client {

class OpenSends {
 public:
  // Its ticket is higher than that of all before.
  void add(OpenSend send) {
    if (count_ == ring_.size()) grow();
    at(count_++) = std::move(send);
    ++open_;
  }
  // The message with that ticket, which must be there. Valid until any other call.
  OpenSend& find(uint64_t ticket) {
    const uint64_t distance = ticket - at(0).ticket;
    if (distance < count_ && at(distance).ticket == ticket) return at(distance);
    size_t first = 0;
    for (size_t behind = count_; first != behind;) {
      const size_t middle = first + (behind - first) / 2;
      if (at(middle).ticket < ticket) {
        first = middle + 1;
      } else {
        behind = middle;
      }
    }
    return at(first);
  }
  // The same of one that may not be there: nullptr.
  OpenSend* look_for(uint64_t ticket) {
    if (count_ == 0 || ticket < at(0).ticket || ticket > at(count_ - 1).ticket) return nullptr;
    OpenSend& found = find(ticket);
    return found.ticket == ticket && found.destination != nullptr ? &found : nullptr;
  }
  // It is done with.
  void erase(OpenSend& send) {
    send.destination = nullptr;
    send.completion = {};
    --open_;
    while (count_ != 0 && at(0).destination == nullptr) {
      first_ = (first_ + 1) & (ring_.size() - 1);
      --count_;
    }
    if (count_ > 2 * open_ + kHolesMax) close_holes();
  }
  size_t places() const { return count_; }

 private:
  static constexpr size_t kHolesMax = 64;
  static constexpr size_t kPlacesMin = 64;

  OpenSend& at(size_t place) { return ring_[(first_ + place) & (ring_.size() - 1)]; }
  void grow() {
    std::vector<OpenSend> grown(std::max(kPlacesMin, 2 * ring_.size()));
    for (size_t i = 0; i != count_; ++i) grown[i] = std::move(at(i));
    ring_ = std::move(grown);
    first_ = 0;
  }
  void close_holes() {
    size_t kept = 0;
    for (size_t i = 0; i != count_; ++i) {
      if (at(i).destination == nullptr) continue;
      if (i != kept) at(kept) = std::exchange(at(i), OpenSend());
      ++kept;
    }
    count_ = kept;
  }

  // A power of two places, or none. `count_` of them are used, from `first_` on, holes among them; the first is none.
  std::vector<OpenSend> ring_;
  size_t first_ = 0;
  size_t count_ = 0;
  size_t open_ = 0;
};

}  // namespace onehop::client
