// Everything of one run, and its time: the shards with their hosts, the network, the clients, the oracle.
#pragma once

#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/base/instant.h"
#include "core/base/memory_ledger.h"
#include "core/shard/seam.h"
#include "sim/coverage.h"
#include "sim/events.h"
#include "sim/network.h"
#include "sim/oracle.h"
#include "sim/random.h"
#include "sim/scenario.h"
#include "sim/trace.h"

namespace onehop::sim {

class ShardHost;
class Client;

// Something for the next iteration of a shard's loop.
struct Ready {
  enum class Kind : uint8_t {
    kArrived,  // A link; `subject` is its number.
    kReadable,
    kWritable,
    kFailed,
    kParcel,  // `subject` is the pair it came over.
    kCredit,
    kAnswer,  // `subject` is the question's number.
  };
  Kind kind;
  uint32_t subject;
};

// From one shard to another: what is on its way. Parcels stay in order; different pairs overtake each other.
struct Pair {
  std::deque<core::Parcel> parcels;
  std::deque<core::Parcel> credits;
  uint64_t last_parcel_us = 0;
  uint32_t counted_out = 0;  // Parcels with credit that were posted and are not back.
};

// A link on its way to a shard.
struct Arrival {
  core::ShardIndex shard = 0;
  bool under_way = false;
  std::string unread;
};

struct PendingAnswer {
  core::ShardIndex shard = 0;
  uint32_t link = 0;
  core::Ticket ticket;
  bool accepted = false;
  uint32_t hold_ms = 0;  // If accepted: for how long the credentials hold; 0: for ever.
  // It is about a renewal.
  bool renews = false;
  uint32_t verdict = 0;
};

struct World {
  World(uint64_t seed, bool is_verbose);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Plays the run to its end or to the first failure.
  void run();

  uint64_t now_us() const { return events.now_us(); }
  core::Instant now() const { return base + events.now_us() / 1000; }
  uint64_t delay_us(uint32_t max) { return random.between(1, max); }

  void ready(core::ShardIndex shard, Ready::Kind kind, uint32_t subject);
  // The link arrives on its shard after a while, with bytes that were read of it before.
  void arrive(uint32_t link, core::Bytes unread, uint64_t delay);
  // There is something for the client on this link.
  void poke(uint32_t client, uint32_t link);
  Stays policy_of(core::Bytes name);
  Pair& pair(core::ShardIndex from, core::ShardIndex to) { return pairs[from * scenario.shards + to]; }

  Random random;
  Scenario scenario;
  core::Instant base;
  bool verbose;
  EventQueue events;
  Trace trace;
  Coverage coverage;
  Oracle oracle;
  Network network;
  std::vector<Pair> pairs;
  std::vector<Arrival> arrivals;  // By link.
  std::vector<PendingAnswer> answers;
  core::MemoryLedger ledger;  // Of all shards.
  std::vector<std::unique_ptr<ShardHost>> hosts;
  std::vector<std::unique_ptr<Client>> clients;
  uint32_t messages_left = 0;
  bool ending = false;  // Clients send nothing new.

 private:
  void play(uint64_t until_us, bool (World::*until)() const);
  void dispatch(const Event& event);
  bool is_sent() const { return messages_left == 0; }
  bool is_half_sent() const;
  bool is_at_rest() const;
  bool is_empty() const;
  void finish();
  void stop();
  void stop_early();
  void drain();
  void check_empty();
  void change_policy();
  void plan_change_of_policy();

  std::vector<Stays> policy_;  // By name; those beyond its end stay.
};

}  // namespace onehop::sim
