// Oracle: what everything else rests on: time, names, what was sent, how full queues were.
#include "sim/oracle.h"

#include <algorithm>
#include <utility>

#include "sim/trace.h"

namespace onehop::sim {
namespace {

// What a session may have queued beyond its limit: the message that crossed it, and control frames.
constexpr uint64_t kControlSlackBytes = 192 << 10;

}  // namespace

Oracle::Oracle(const Scenario& scenario, Coverage& coverage)
    : scenario_(scenario), coverage_(coverage), peaks_(scenario.shards), last_end_at_(scenario.shards) {
  messages_.reserve(scenario.messages * 2);
}

void Oracle::fail(std::string what) {
  if (failure_.empty()) failure_ = std::move(what);
}

void Oracle::fail(uint32_t connection, const std::string& what) {
  const Connection& c = connections_[connection];
  const std::string name = c.name == kNone ? "(no session)" : names_[c.name].text;
  fail("connection " + std::to_string(connection) + " of client " + std::to_string(c.client) + ", " + name + ": " +
       what);
}

uint32_t Oracle::intern(core::Bytes name) {
  const auto [entry, is_new] = name_numbers_.try_emplace(std::string(name), static_cast<uint32_t>(names_.size()));
  if (is_new) {
    names_.emplace_back();
    names_.back().text = name;
  }
  return entry->second;
}

uint32_t Oracle::begin_connection(uint32_t client) {
  const auto number = static_cast<uint32_t>(connections_.size());
  Connection& connection = connections_.emplace_back();
  connection.number = number;
  connection.client = client;
  connection.begun_us = now_us_;
  return number;
}

Stream& Oracle::stream(uint32_t connection, uint32_t name) {
  std::vector<Stream>& streams = connections_[connection].streams;
  for (Stream& stream : streams) {
    if (stream.name == name) return stream;
  }
  Stream& added = streams.emplace_back();
  added.name = name;
  added.first_sent_at = order_;
  return added;
}

uint32_t Oracle::begin_message(uint32_t connection, const SentMessage& message) {
  const auto record = static_cast<uint32_t>(messages_.size());
  Connection& sender = connections_[connection];
  SentMessage& sent = messages_.emplace_back(message);
  sent.connection = connection;
  sent.position = static_cast<uint32_t>(sender.messages.size());
  sent.sent_at = step();
  sender.messages.push_back(record);
  if (sent.id != 0) sender.ids.push_back({sent.id, record});
  if (sent.to != kNone) stream(connection, sent.to);
  coverage_.add(Provoked::kMessage);
  if (sent.id == 0) coverage_.add(Provoked::kWithoutId);
  return record;
}

void Oracle::sent(uint32_t record, core::Bytes body, uint32_t frame_bytes) {
  SentMessage& message = messages_[record];
  message.body_hash = hash_bytes(body);
  message.body_bytes = static_cast<uint32_t>(body.size());
  message.frame_bytes = frame_bytes;
  if (message.to == kNone) return;
  Stream& s = stream(message.connection, message.to);
  s.largest_frame_bytes = std::max(s.largest_frame_bytes, frame_bytes);
}

void Oracle::opens_gate(uint32_t connection, uint32_t name) {
  const auto position = static_cast<uint32_t>(connections_[connection].messages.size());
  stream(connection, name).stretches.push_back({position, kNone});
  coverage_.add(Provoked::kGateOpened);
  step();
}

uint64_t Oracle::ping_sent(uint32_t connection) {
  Connection& sender = connections_[connection];
  const uint64_t at = step();
  sender.pings.push_back({at, now_us_, static_cast<uint32_t>(sender.messages.size())});
  return sender.pings.size();
}

void Oracle::after_call(core::ShardIndex shard, const core::Counters& counters) {
  for (const uint32_t number : taken_names_) {
    Name& name = names_[number];
    if (!name.taken) continue;
    name.taken = false;
    name.unowned_at = order_;
  }
  taken_names_.clear();
  sample(shard, counters);
  const uint64_t queued = counters.queued_bytes;
  const uint64_t each = scenario_.limits.queue_bytes_max + scenario_.limits.frame_bytes_max + kControlSlackBytes;
  if (queued > each * counters.links) {
    fail("shard " + std::to_string(shard) + " has " + std::to_string(queued) + " bytes queued for " +
         std::to_string(counters.links) + " links");
  }
  const uint64_t slack = scenario_.limits.frame_bytes_max + kControlSlackBytes;
  if (queued > scenario_.limits.shard_queue_bytes_max + slack) {
    fail("shard " + std::to_string(shard) + " has " + std::to_string(queued) + " bytes queued, over its own limit");
  }
}

void Oracle::sample(core::ShardIndex shard, const core::Counters& counters) {
  const uint64_t queued = counters.queued_bytes;
  std::vector<PeakSample>& peaks = peaks_[shard];
  if (!peaks.empty() && peaks.back().queued_bytes == queued) {
    peaks.back().at = order_;
  } else {
    while (!peaks.empty() && peaks.back().queued_bytes <= queued) peaks.pop_back();
    peaks.push_back({order_, queued});
  }
}

uint64_t Oracle::queued_peak_since(uint32_t name, uint64_t at) const {
  if (!names_[name].home_known) return 0;
  // A queue that was full and dropped with its session, within one call, was never seen.
  if (last_end_at_[names_[name].home] >= at) return UINT32_MAX;
  const std::vector<PeakSample>& peaks = peaks_[names_[name].home];
  const auto found =
      std::partition_point(peaks.begin(), peaks.end(), [at](const PeakSample& sample) { return sample.at < at; });
  return found == peaks.end() ? 0 : found->queued_bytes;
}

}  // namespace onehop::sim
