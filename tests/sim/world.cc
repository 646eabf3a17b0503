// World: see the header.
#include "sim/world.h"

#include <algorithm>

#include "core/base/wheel.h"
#include "sim/client.h"
#include "sim/shard_host.h"

namespace onehop::sim {
namespace {

constexpr uint64_t kUsPerSecond = 1'000'000;
// Names that messages are sent to and nobody takes.
constexpr uint32_t kUnownedNames = 2;
// A run that is not over by then hangs.
constexpr uint64_t kSendingUsMax = 120 * kUsPerSecond;
constexpr uint64_t kRestUsMax = 60 * kUsPerSecond;
// Longer than every keepalive, deadline and closing there is.
constexpr uint64_t kEmptyUsMax = 40 * kUsPerSecond;
// Runs take some seconds.
constexpr uint64_t kWheelEndAheadMs = 2'000;

core::ShardConfig make_config(const Scenario& scenario, uint32_t index, uint64_t key) {
  core::ShardConfig config;
  config.index = static_cast<core::ShardIndex>(index);
  config.count = static_cast<core::ShardIndex>(scenario.shards);
  config.limits = scenario.limits;
  for (unsigned char& byte : config.hash_key) byte = static_cast<unsigned char>(key += 0x9D);
  for (unsigned char& byte : config.token_key) byte = static_cast<unsigned char>(key += 0x35);
  config.first_session = 1000;
  config.asks_who_stays = scenario.policy_ms_max != 0;
  return config;
}

}  // namespace

World::World(uint64_t seed, bool is_verbose)
    : random(seed * 0x9E3779B97F4A7C15 + 1),
      scenario(draw_scenario(random)),
      verbose(is_verbose),
      oracle(scenario, coverage),
      network(*this),
      pairs(scenario.shards * scenario.shards),
      ledger(scenario.limits.memory_bytes_max, static_cast<core::ShardIndex>(scenario.shards)),
      messages_left(scenario.messages) {
  base.ms = random.chance(300) ? random.below(3) : random.next() >> 24;
  // Or just below the end of the 32 bits in which a wheel keeps its ticks.
  if (seed % 8 == 3) base.ms = (uint64_t{1} << 32) * core::Wheel::kTickMs - kWheelEndAheadMs;
  const uint64_t key = random.below(256);
  for (uint32_t i = 0; i < scenario.shards; ++i) {
    core::ShardConfig config = make_config(scenario, i, key);
    config.ledger = &ledger;
    config.unix_ms_at_zero = PresenceOracle::kUnixMsAtStart - base.ms;
    hosts.push_back(std::make_unique<ShardHost>(*this, config));
  }
  for (uint32_t i = 0; i < scenario.names; ++i) oracle.intern("client-" + std::to_string(i));
  for (uint32_t i = 0; i < kUnownedNames; ++i) oracle.intern("nobody-" + std::to_string(i));
  for (uint32_t i = 0; i < scenario.clients; ++i) clients.push_back(std::make_unique<Client>(*this, i));
  plan_change_of_policy();
}

World::~World() = default;

void World::run() {
  play(kSendingUsMax, scenario.stops_early || scenario.drains ? &World::is_half_sent : &World::is_sent);
  if (oracle.failed()) return;
  if (scenario.drains) drain();
  if (oracle.failed()) return;
  if (scenario.stops_early || scenario.drains) return stop_early();
  if (messages_left != 0) return oracle.fail("the clients could not send what they wanted to");
  ending = true;
  oracle.resting();
  for (const auto& client : clients) client->begin_rest();
  play(now_us() + kRestUsMax, &World::is_at_rest);
  if (oracle.failed()) return;
  if (!is_at_rest()) {
    for (const auto& client : clients) {
      if (!client->at_rest()) return oracle.fail(client->connection(), "has no answer to its last ping: it is stuck");
    }
    return oracle.fail("parcels do not come to rest");
  }
  // What was written for a client that reads has arrived; what waits beyond, waits for ever.
  const uint64_t settled = now_us() + 3 * kUsPerSecond;
  play(settled, nullptr);
  if (oracle.failed()) return;
  oracle.check_at_rest();
  if (!oracle.failed()) finish();
}

void World::stop() {
  oracle.stopping();
  for (const auto& host : hosts) host->stop();
}

// Everybody goes on as before for as long as was announced, but those who answer.
void World::drain() {
  oracle.draining();
  for (const auto& host : hosts) host->drain();
  oracle.check_drained();
  play(now_us() + scenario.drain_grace_ms * (kUsPerSecond / 1000), nullptr);
}

void World::stop_early() {
  stop();
  const uint64_t settled = now_us() + 3 * kUsPerSecond;
  play(settled, nullptr);
  ending = true;
  check_empty();
  if (!oracle.failed()) oracle.check_at_rest();
}

void World::finish() {
  if (scenario.stops) stop();
  for (const auto& client : clients) client->finish();
  check_empty();
}

void World::check_empty() {
  play(now_us() + kEmptyUsMax, &World::is_empty);
  if (oracle.failed()) return;
  std::vector<core::Counters> counters;
  for (uint32_t i = 0; i < scenario.shards; ++i) {
    counters.push_back(hosts[i]->counters());
    oracle.check_empty(static_cast<core::ShardIndex>(i), counters.back());
  }
  for (const Pair& p : pairs) {
    if (p.counted_out != 0 && !oracle.failed()) oracle.fail("credit is missing at the end");
  }
  if (ledger.total() != 0 && !oracle.failed()) {
    oracle.fail("at the end " + std::to_string(ledger.total()) + " bytes of memory are not given back");
  }
  oracle.check_balance(counters);
}

void World::play(uint64_t until_us, bool (World::*until)() const) {
  while (!events.empty() && events.next_us() <= until_us && !oracle.failed()) {
    dispatch(events.take());
    if (until != nullptr && (this->*until)()) return;
  }
}

void World::dispatch(const Event& event) {
  oracle.set_now_us(now_us());
  switch (event.kind) {
    case Event::Kind::kShard:
      return hosts[event.subject]->wake();
    case Event::Kind::kClient:
      return clients[event.subject]->wake();
    case Event::Kind::kParcel:
      return hosts[event.subject % scenario.shards]->ready({Ready::Kind::kParcel, event.subject});
    case Event::Kind::kCredit:
      return hosts[event.subject / scenario.shards]->ready({Ready::Kind::kCredit, event.subject});
    case Event::Kind::kLink:
      return hosts[arrivals[event.subject].shard]->ready({Ready::Kind::kArrived, event.subject});
    case Event::Kind::kPolicy:
      return change_policy();
    case Event::Kind::kAnswer:
      return hosts[answers[event.subject].shard]->ready({Ready::Kind::kAnswer, event.subject});
  }
}

void World::plan_change_of_policy() {
  if (scenario.policy_ms_max == 0) return;
  events.add(now_us() + delay_us(scenario.policy_ms_max * 1'000), Event::Kind::kPolicy, 0);
}

void World::change_policy() {
  if (ending) return;
  policy_.assign(oracle.names().size(), Stays::kYes);
  for (Stays& stays : policy_) {
    if (random.chance(scenario.revoke_permille)) stays = random.chance(800) ? Stays::kNo : Stays::kUnsure;
  }
  oracle.policy_changed();
  for (const auto& host : hosts) host->policy_changed();
  plan_change_of_policy();
}

Stays World::policy_of(core::Bytes name) {
  const uint32_t number = oracle.intern(name);
  return number < policy_.size() ? policy_[number] : Stays::kYes;
}

bool World::is_half_sent() const {
  return messages_left < scenario.messages / 2;
}

bool World::is_at_rest() const {
  for (const auto& client : clients) {
    if (!client->at_rest()) return false;
  }
  for (const Pair& p : pairs) {
    if (!p.parcels.empty() || p.counted_out != 0) return false;
  }
  return network.quiet();
}

bool World::is_empty() const {
  for (const auto& host : hosts) {
    if (host->counters().links != 0 || host->counters().sessions != 0) return false;
  }
  for (const Arrival& arrival : arrivals) {
    if (arrival.under_way) return false;
  }
  for (const Pair& p : pairs) {
    if (!p.parcels.empty() || p.counted_out != 0) return false;
  }
  return true;
}

void World::ready(core::ShardIndex shard, Ready::Kind kind, uint32_t subject) {
  hosts[shard]->ready({kind, subject});
}

void World::arrive(uint32_t link, core::Bytes unread, uint64_t delay) {
  if (arrivals.size() <= link) arrivals.resize(link + 1);
  arrivals[link].shard = network.link(link).shard;
  arrivals[link].unread = unread;
  arrivals[link].under_way = true;
  events.add(now_us() + delay, Event::Kind::kLink, link);
}

void World::poke(uint32_t client, uint32_t link) {
  clients[client]->poke(link);
}

}  // namespace onehop::sim
