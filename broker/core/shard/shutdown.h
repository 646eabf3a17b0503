// Shutdown: drain announces the end to clients, and stop ends the shard together with the other shards.
//
// Stopping takes three steps. First, each shard admits nothing more and settles what its recipients have open. Then
// each shard asks every other one whether it has settled; the answer arrives after the last receipt of that shard. Then
// each client gets its receipts and a goodbye.
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
  explicit Shutdown(ShardParts& shard) : shard_(shard) {}
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
  void take_stopped() { --stops_outstanding_; }
  Instant goodbyes_due() const { return goodbyes_due_; }
  void say_goodbyes_if_due();

 private:
  void answer_stopping(ShardIndex asker);
  void say_goodbyes();

  ShardParts& shard_;
  bool draining_ = false;
  bool stopping_ = false;
  uint32_t drain_spread_ms_ = 0;             // As Drain::spread_ms.
  std::vector<ShardIndex> stop_askers_;      // Shards that wait to hear that this one stops too.
  uint32_t stops_outstanding_ = 0;           // Other shards that have not told this one that they stop.
  uint32_t stops_answered_ = 0;              // Other shards that this one has told that it stops.
  Instant goodbyes_due_ = Instant::never();  // When stopping: not later than this.
};

}  // namespace onehop::core
