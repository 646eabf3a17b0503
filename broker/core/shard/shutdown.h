// Shutdown: drain announces the end to clients, and stop ends the shard together with the other shards.
//
// Stopping takes four steps. First, each shard admits nothing more and settles what its recipients have open. Then
// each shard asks every other one whether it has settled; the answer arrives after the last outcome of that shard. A
// shard that has all answers has all outcomes of the messages to its topics. It then tells every other shard that no
// more receipts for them follow. If no such message is open, it tells that together with its own answer. Then each
// client gets its receipts and a goodbye.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/shard/seam.h"
#include "core/wire/control_frames.h"

namespace onehop::core {

struct ShardParts;

class Shutdown {
 public:
  explicit Shutdown(ShardParts& shard);
  Shutdown(const Shutdown&) = delete;
  Shutdown& operator=(const Shutdown&) = delete;

  void drain(const Drain& drain);
  void stop();
  // Nothing more is admitted: draining, or stopping as well.
  bool draining() const { return draining_; }
  bool stopping() const { return stopping_; }
  // Whether this shard is stopping, every other shard has told it that it stops too, and it has told each of them.
  bool stopped() const;
  // Everybody is told a time of its own, so that they do not all come back at once.
  Farewell going_down(const Origin& client) const;

  // Another shard asks whether this one has stopped, or answers that it has.
  void take_stopping(ShardIndex asker);
  void take_stopped();
  // Another shard has told all that it had to tell of the messages to its topics.
  void take_all_told() { --tellers_outstanding_; }
  Instant goodbyes_due() const { return goodbyes_due_; }
  void say_goodbyes_if_due();

 private:
  void answer_stopping(ShardIndex asker);
  void tell_all_told(ShardIndex shard);
  void say_goodbyes();

  ShardParts& shard_;
  bool draining_ = false;
  bool stopping_ = false;
  uint32_t drain_spread_ms_ = 0;             // As Drain::spread_ms.
  std::vector<ShardIndex> stop_askers_;      // Shards that wait to hear that this one stops too.
  uint32_t stops_outstanding_ = 0;           // Other shards that have not told this one that they stop.
  uint32_t tellers_outstanding_;             // Other shards that may still tell of messages to their topics.
  uint32_t stops_answered_ = 0;              // Other shards that this one has told that it stops.
  uint64_t told_all_ = 0;                    // A bit for each that it has told that no more receipts come.
  Instant goodbyes_due_ = Instant::never();  // When stopping: not later than this.
};

}  // namespace onehop::core
