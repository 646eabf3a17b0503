// What operators ask of a running broker. Each shard is asked on its own thread. One that does not answer within a
// second is given up: it does nothing later, and is left out but for what it had counted when it last answered, so that
// no counter goes back. Any thread, several at once, during the broker's end and after it.
//
// Invariant: an inquiry owns all that it touches on the asking side, so that an answer that comes too late, or never,
// harms nobody.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "onehop/broker.h"
#include "onehop/inspection.h"
#include "server/counter_sums.h"
#include "server/recent_ends.h"
#include "server/shard_host.h"

namespace onehop::server {

class Inspection {
 public:
  // `ends` outlives this.
  explicit Inspection(const RecentEnds& ends) : ends_(ends) {}

  // Before anything is asked: the shards, by index. They outlive this.
  void set_shards(std::vector<ShardHost*> shards);
  // The loops have ended: what is asked from now on is read from where it lies.
  void loops_have_ended();

  // Where a client of this name lives.
  ShardHost* home_of(std::string_view name);
  // ANY THREAD: whether a handler asks. It may not wait for shards: what it asks is answered as Broker says.
  bool asked_by_handler() const { return own_shard() != nullptr; }

  BrokerCounters counters();
  ClientPage clients(const ClientQuery& query);
  Trace trace(std::string_view from, std::string_view to, bool draining);
  Broker::Kick kick(std::string_view name, std::string_view text);
  bool alive(uint32_t within_ms);
  // Whether every shard accepts no more and has no connection. One that is handed over meanwhile may be missed: the
  // next call finds it.
  bool nobody_is_left();

 private:
  template <typename Answer>
  std::vector<Answer> ask(const std::vector<ShardHost*>& shards, std::function<Answer(ShardHost&)> question,
                          uint32_t within_ms);
  template <typename Answer>
  std::vector<Answer> ask_all(std::function<Answer(ShardHost&)> question);
  // The shard whose handler calls.
  ShardHost* own_shard() const;
  bool others_are_alive(const ShardHost& own, uint32_t within_ms) const;
  bool ended();

  const RecentEnds& ends_;
  std::vector<ShardHost*> shards_;
  std::mutex ended_mutex_;  // Guards `ended_`, and the shards once it is set.
  bool ended_ = false;
  std::mutex counted_mutex_;
  std::vector<CountersOfShard> counted_;  // By shard, as it last answered.
};

}  // namespace onehop::server
