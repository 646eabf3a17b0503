// ShardHost: the loop, and what comes into the shard.
#include "sim/shard_host.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "sim/client.h"

namespace onehop::sim {
namespace {

constexpr uint32_t kIdleWakesMax = 20'000;
constexpr uint32_t kRoundsMax = 10'000;
// What a queue holds beyond its limit: receipts and flow, and the goodbye.
constexpr uint64_t kControlBytesMax = 80 << 10;
// How late a deadline may be noticed.
constexpr uint64_t kDeadlineLateUs = 150'000;

}  // namespace

ShardHost::ShardHost(World& world, const core::ShardConfig& config)
    : world_(world), index_(config.index), shard_(config, *this), now_(world.now()) {}

void ShardHost::ready(Ready what) {
  ready_.push_back(what);
  idle_wakes_ = 0;
  const bool stalls = world_.random.chance(world_.scenario.stall_permille);
  const uint64_t delay = world_.delay_us(stalls ? 30'000 : world_.scenario.loop_delay_us_max);
  sleep_until(world_.now_us() + delay);
}

void ShardHost::sleep_until(uint64_t at_us) {
  if (at_us >= wake_at_us_) return;
  wake_at_us_ = at_us;
  world_.events.add(at_us, Event::Kind::kShard, index_);
}

void ShardHost::wake() {
  if (world_.now_us() != wake_at_us_) return;
  wake_at_us_ = UINT64_MAX;
  now_ = world_.now();
  batch_.swap(ready_);
  for (size_t i = batch_.size(); i > 1; --i) {
    const uint32_t other = world_.random.below(i);
    std::swap(batch_[i - 1], batch_[other]);
  }
  for (const Ready& what : batch_) {
    handle(what);
    if (shard_.flush_wanted()) flush();
    if (world_.oracle.failed()) return;
  }
  batch_.clear();
  settle();
  if (++idle_wakes_ > kIdleWakesMax) world_.oracle.fail("shard " + std::to_string(index_) + " wakes without end");
  if (!ready_.empty()) sleep_until(world_.now_us() + 1);
  if (due_ == core::Instant::never()) return;
  const uint64_t late = world_.delay_us(2'000);
  sleep_until((due_ - world_.base) * 1000 + late);
}

void ShardHost::settle() {
  for (uint32_t round = 0; round < kRoundsMax; ++round) {
    flush();
    begin_call("on_tick", 0);
    due_ = shard_.on_tick(now_);
    world_.trace.add(due_.ms - world_.base.ms);
    end_call();
    if (world_.oracle.failed()) return;
    if (!shard_.flush_wanted()) return check_links();
  }
  world_.oracle.fail("shard " + std::to_string(index_) + " wants to flush without end");
}

void ShardHost::flush() {
  std::vector<core::ClientState> clients;
  const bool out_of_memory = shard_.counters().memory_stage == static_cast<uint64_t>(core::MemoryStage::kEnding);
  if (out_of_memory) clients = shard_.find_clients({{}, core::ClientOrder::kQueueBytes, SIZE_MAX}, now_).top;
  const core::Counters before = shard_.counters();
  ended_for_memory_.clear();
  begin_call("flush", 0);
  flushing_ = true;
  shard_.flush(now_);
  flushing_ = false;
  end_call();
  if (out_of_memory && !ended_for_memory_.empty()) check_ended(clients, before);
}

// Who was ended for want of memory held most, as far as can be told from queues: what is unsettled or unfinished may
// all have been its own.
void ShardHost::check_ended(const std::vector<core::ClientState>& clients, const core::Counters& before) {
  const auto ended = std::find_if(clients.begin(), clients.end(),
                                  [this](const core::ClientState& client) { return client.name == ended_for_memory_; });
  if (ended == clients.end() || ended->link.value == 0) return;  // Of those that are away there is a share of its own.
  const uint64_t held = ended->queue_bytes + before.held_bytes() - before.queued_bytes;
  for (const core::ClientState& client : clients) {
    if (client.queue_bytes <= held || !shard_.find_client(client.name, now_)) continue;
    return world_.oracle.fail(client.name + " holds more than " + ended_for_memory_ +
                              ", which was ended for want of memory");
  }
}

void ShardHost::drain() {
  now_ = world_.now();
  begin_call("drain", 0);
  shard_.drain({world_.scenario.drain_grace_ms, world_.scenario.drain_spread_ms}, now_);
  end_call();
  sleep_until(world_.now_us() + 1);
}

void ShardHost::stop() {
  now_ = world_.now();
  begin_call("stop", 0);
  shard_.stop(now_);
  end_call();
  sleep_until(world_.now_us() + 1);
}

void ShardHost::check_links() {
  std::erase_if(links_, [this](uint32_t number) {
    const Link& link = world_.network.link(number);
    return !link.owned || link.shard != index_;
  });
  for (const uint32_t number : links_) {
    Link& link = world_.network.link(number);
    world_.oracle.check_credentials(number);
    if (link.reading) {
      world_.oracle.check_settling(number);
    } else {
      check_reading(link);
    }
  }
  world_.oracle.check_policy(index_);
  const uint64_t queued = shard_.counters().queued_bytes;
  const auto count = static_cast<uint64_t>(std::count_if(links_.begin(), links_.end(), [this](uint32_t number) {
    return world_.network.link(number).blocked || world_.network.link(number).failed;
  }));
  const bool all_for_sockets = nothing_waits();
  const core::Limits& limits = world_.scenario.limits;
  const uint64_t again = world_.scenario.confirmed_permille == 0 ? 0 : limits.receive_window_bytes;
  const uint64_t each = limits.queue_bytes_max + kControlBytesMax + again;
  if (all_for_sockets && queued > each * count) {
    return world_.oracle.fail("shard " + std::to_string(index_) + " keeps " + std::to_string(queued) + " bytes for " +
                              std::to_string(count) + " sockets that are full");
  }
  for (const uint32_t number : links_) {
    Link& link = world_.network.link(number);
    if (!link.blocked || world_.oracle.connection(number).ending_since_us != UINT64_MAX) {
      link.over_since_us = UINT64_MAX;
      continue;
    }
    // With one full socket all that is queued is for it; with several, what was sent to it and surely waits.
    check_consumer(link, all_for_sockets && count == 1 ? queued : surely_queued(link));
  }
}

// What waits in sessions is queued as well, and can only be told from what waits for sockets where nothing does.
bool ShardHost::nothing_waits() const {
  for (const Name& name : world_.oracle.names()) {
    const bool here = name.owner != kNone && name.home == index_;
    if (here && !world_.oracle.nothing_waits(name)) return false;
  }
  return true;
}

uint64_t ShardHost::surely_queued(const Link& link) const {
  const Session& session = world_.oracle.session_of(link.number);
  if (session.connection != link.number || session.connections.size() != 1) return 0;
  const uint64_t on_the_way = link.to_client.size() + world_.clients[link.client]->inbox_bytes();
  return session.waiting_bytes - std::min(session.waiting_bytes, on_the_way);
}

void ShardHost::check_consumer(Link& link, uint64_t queued) {
  const core::Limits& limits = world_.scenario.limits;
  if (queued <= limits.high_mark()) {
    link.over_since_us = UINT64_MAX;
    return;
  }
  const uint64_t now_us = world_.now_us();
  link.over_since_us = std::min(link.over_since_us, now_us);
  const uint64_t blocked_us = now_us - world_.oracle.connection(link.number).last_taken_us;
  if (now_us - link.over_since_us > kDeadlineLateUs &&
      blocked_us > limits.slow_consumer_ms * 1000ull + kDeadlineLateUs) {
    world_.oracle.fail(link.number, "is a slow consumer, and is not ended");
  }
}

// A client is not read for want of credit, for an answer that is pending, or while it does not read itself.
void ShardHost::check_reading(const Link& link) {
  if (link.asking || link.blocked || world_.oracle.connection(link.number).ending_since_us != UINT64_MAX) return;
  for (uint32_t to = 0; to < world_.scenario.shards; ++to) {
    if (world_.pair(index_, static_cast<core::ShardIndex>(to)).counted_out == core::kParcelsPerPair) return;
  }
  world_.oracle.fail(link.number, "is not read for no reason");
}

void ShardHost::begin_call(const char* name, uint64_t subject) {
  world_.oracle.set_now_us(world_.now_us());
  world_.oracle.step();
  world_.trace.add(now_.ms - world_.base.ms);
  world_.trace.add(hash_bytes(name, index_));
  world_.trace.add(subject);
  if (!world_.verbose) return;
  if (std::strcmp(name, "flush") == 0 || std::strcmp(name, "on_tick") == 0) return;
  std::printf("%10.3f shard %u <- %s %llu\n", static_cast<double>(world_.now_us()) / 1000, unsigned{index_}, name,
              static_cast<unsigned long long>(subject));
}

void ShardHost::end_call() {
  world_.oracle.after_call(index_, shard_.counters());
}

void ShardHost::handle(Ready what) {
  switch (what.kind) {
    case Ready::Kind::kArrived:
      return take_arrival(world_.network.link(what.subject));
    case Ready::Kind::kReadable:
      return take_readable(world_.network.link(what.subject));
    case Ready::Kind::kFailed:
      return take_failed(world_.network.link(what.subject));
    case Ready::Kind::kParcel:
      return take_parcel(what.subject);
    case Ready::Kind::kCredit:
      return take_credit(what.subject);
    case Ready::Kind::kAnswer:
      return take_answer(what.subject);
    case Ready::Kind::kWritable: {
      Link& link = world_.network.link(what.subject);
      if (!link.owned || link.shard != index_ || !link.blocked || link.failed) return;
      begin_call("on_writable", link.number);
      shard_.on_writable(link.id, now_);
      return end_call();
    }
  }
}

void ShardHost::take_arrival(Link& link) {
  Arrival& arrival = world_.arrivals[link.number];
  links_.push_back(link.number);
  link.owned = true;
  link.reading = true;
  link.read_ready = false;
  link.host.value = (uint64_t{link.number} + 1) << 8 | ((link.host.value & 0xFF) + 1);
  begin_call("on_link", link.number);
  world_.trace.add(core::Bytes(arrival.unread));
  link.id = shard_.on_link({link.host, link.connect_deadline, arrival.unread}, now_);
  arrival.unread.clear();
  arrival.under_way = false;
  end_call();
  if (link.owned && link.reading && (!link.to_broker.empty() || !link.client_sends)) {
    link.read_ready = true;
    ready({Ready::Kind::kReadable, link.number});
  }
  if (link.failed) ready({Ready::Kind::kFailed, link.number});
}

void ShardHost::take_readable(Link& link) {
  if (link.shard != index_) return;
  link.read_ready = false;
  if (!link.owned || !link.reading) return;
  if (!link.to_broker.empty()) {
    const std::span<char> space = shard_.receive_space(link.id);
    if (space.empty()) return world_.oracle.fail("shard " + std::to_string(index_) + " has no space to receive into");
    const size_t size = std::min(world_.network.read_size(link), space.size());
    const core::Bytes bytes = link.to_broker.bytes().substr(0, size);
    std::memcpy(space.data(), bytes.data(), size);
    begin_call("on_received", link.number);
    world_.trace.add(bytes);
    if (world_.verbose) std::printf("             %zu bytes\n", size);
    world_.network.has_read(link, size);
    shard_.on_received(link.id, size, now_);
    end_call();
  } else if (!link.client_sends && !link.end_told && !link.failed) {
    link.end_told = true;
    begin_call("on_end_of_stream", link.number);
    shard_.on_end_of_stream(link.id, now_);
    end_call();
    return;
  }
  const bool more = !link.to_broker.empty() || (!link.client_sends && !link.end_told && !link.failed);
  if (!link.owned || !link.reading || !more || link.read_ready) return;
  link.read_ready = true;
  ready({Ready::Kind::kReadable, link.number});
  begin_call("on_unread", link.number);
  shard_.on_unread(link.id);
  end_call();
}

void ShardHost::take_failed(Link& link) {
  if (link.shard != index_ || !link.owned) return;
  link.owned = false;
  link.broker_ended = true;
  begin_call("on_link_failed", link.number);
  failing_ = &link;
  shard_.on_link_failed(link.id, now_);
  failing_ = nullptr;
  end_call();
}

void ShardHost::take_parcel(uint32_t number) {
  Pair& pair = world_.pairs[number];
  core::Parcel parcel = std::move(pair.parcels.front());
  pair.parcels.pop_front();
  begin_call("on_parcel", number);
  world_.trace.add(parcel.size());
  shard_.on_parcel(static_cast<core::ShardIndex>(number / world_.scenario.shards), std::move(parcel), now_);
  end_call();
}

void ShardHost::take_credit(uint32_t number) {
  Pair& pair = world_.pairs[number];
  core::Parcel parcel = std::move(pair.credits.front());
  pair.credits.pop_front();
  --pair.counted_out;
  begin_call("on_credit", number);
  shard_.on_credit(static_cast<core::ShardIndex>(number % world_.scenario.shards), std::move(parcel), now_);
  end_call();
}

void ShardHost::take_answer(uint32_t number) {
  const PendingAnswer pending = world_.answers[number];
  if (pending.renews) return take_renewal_answer(pending);
  Link& link = world_.network.link(pending.link);
  link.asking = false;
  const bool late = !link.owned || link.shard != index_;
  world_.coverage.add(late               ? Provoked::kAnswerTooLate
                      : pending.accepted ? Provoked::kAskAcceptedLate
                                         : Provoked::kAskRefusedLate);
  Connection& connection = world_.oracle.connection(pending.link);
  connection.admitted = pending.accepted;
  connection.turned_down = !pending.accepted;
  core::Answer answer;
  answer.accepted = pending.accepted;
  if (pending.accepted) {
    world_.oracle.let_in(pending.link, pending.hold_ms);
    answer.credentials_end = end_of(pending.hold_ms);
  }
  answer.text = "said the simulator";
  begin_call("on_answer", number);
  shard_.on_answer(pending.ticket, answer, now_);
  end_call();
}

}  // namespace onehop::sim
