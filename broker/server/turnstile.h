// To begin or end a session costs as much as very many messages, and thousands may come or go at once. So a shard's
// host deals with a bounded number of them in each turn of its loop, in the order of their coming and going, and with
// everybody's messages in between. The loop's thread only.
#pragma once

#include <cstddef>
#include <deque>
#include <utility>

#include "server/connection.h"
#include "server/shard_mail.h"

namespace onehop::server {

class Turnstile {
 public:
  // Of each kind.
  static constexpr size_t kPerTurn = 64;

  // A connection without a session has something to read. False: not in this turn.
  bool takes_newcomer() { return ++newcomers_ <= kPerTurn; }
  // Handed over by another shard.
  void moves_in(HandOver moved) { moving_in_.push_back(std::move(moved)); }
  // Its stream has ended.
  void ends(ConnectionId id) { ended_.push_back(id); }

  // Once a turn. Whether there are more of them.
  template <typename OnMovedIn, typename OnEnded>
  bool turn(OnMovedIn on_moved_in, OnEnded on_ended) {
    newcomers_ = 0;
    for (size_t i = 0; i < kPerTurn && !moving_in_.empty(); ++i) {
      HandOver moved = std::move(moving_in_.front());
      moving_in_.pop_front();
      on_moved_in(std::move(moved));
    }
    for (size_t i = 0; i < kPerTurn && !ended_.empty(); ++i) {
      const ConnectionId id = ended_.front();
      ended_.pop_front();
      on_ended(id);
    }
    return !moving_in_.empty() || !ended_.empty();
  }
  bool nobody_moves_in() const { return moving_in_.empty(); }

 private:
  size_t newcomers_ = 0;  // In this turn.
  std::deque<HandOver> moving_in_;
  std::deque<ConnectionId> ended_;
};

}  // namespace onehop::server
