// Oracle: what everything else rests on: time, names, what was sent, how full queues were.
#include "sim/oracle.h"

#include <algorithm>
#include <utility>

#include "sim/trace.h"

namespace onehop::sim {
namespace {

// What a session may have queued beyond its limit: the message that crossed it, and control frames.
constexpr uint64_t kControlSlackBytes = 192 << 10;
// A block and tables that grow for them, and shrink, within one call.
constexpr uint64_t kGrowthBytesMax = 16 << 10;

}  // namespace

Oracle::Oracle(const Scenario& scenario, Coverage& coverage)
    : scenario_(scenario),
      coverage_(coverage),
      peaks_(scenario.shards),
      held_(scenario.shards),
      last_end_at_(scenario.shards) {
  messages_.reserve(scenario.messages * 2);
}

void Oracle::fail(std::string what) {
  if (failure_.empty()) failure_ = std::move(what);
}

void Oracle::fail(uint32_t connection, const std::string& what) {
  const Connection& c = connections_[connection];
  const uint32_t name_number = sessions_[c.session].name;
  const std::string name = name_number == kNone ? "(no session)" : names_[name_number].text;
  fail("connection " + std::to_string(connection) + " of client " + std::to_string(c.client) + ", " + name + ": " +
       what);
}

void Oracle::fail(const Session& session, const std::string& what) {
  fail("session " + std::to_string(session.number) + " of " + names_[session.name].text + ": " + what);
}

std::string Oracle::describe(const SentMessage& sent) const {
  return "message " + std::to_string(sent.id) + " (session " + std::to_string(sessions_[sent.sender].number) +
         ", connection " + std::to_string(sent.connection) + ", position " + std::to_string(sent.position) + ", " +
         std::to_string(sent.frame_bytes) + " bytes" + (sent.confirmed ? ", confirmed)" : ")");
}

uint32_t Oracle::intern(core::Bytes name) {
  const auto [entry, is_new] = name_numbers_.try_emplace(std::string(name), static_cast<uint32_t>(names_.size()));
  if (is_new) {
    names_.emplace_back();
    names_.back().text = name;
  }
  return entry->second;
}

// With a session of its own, in case that one opens, and a program that has received nothing yet.
uint32_t Oracle::begin_connection(uint32_t client) {
  const auto number = static_cast<uint32_t>(connections_.size());
  Connection& connection = connections_.emplace_back();
  connection.number = number;
  connection.client = client;
  connection.begun_us = now_us_;
  connection.session = static_cast<uint32_t>(sessions_.size());
  sessions_.emplace_back().index = connection.session;
  connection.program = static_cast<uint32_t>(programs_.size());
  programs_.emplace_back();
  return number;
}

Stream& Oracle::stream(uint32_t session, uint32_t name) {
  std::vector<Stream>& streams = sessions_[session].streams;
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
  Session& sender = session_of(connection);
  SentMessage& sent = messages_.emplace_back(message);
  sent.sender = sender.index;
  sent.connection = connection;
  sent.position = static_cast<uint32_t>(sender.messages.size());
  sent.sent_at = step();
  sent.sent_us = now_us_;
  const uint32_t ttl_ms_max = scenario_.limits.ttl_ms_max;
  sent.ttl_ms = sent.ttl_ms == 0 ? ttl_ms_max : std::min(sent.ttl_ms, ttl_ms_max);
  sender.messages.push_back(record);
  if (sent.id != 0) sender.ids.push_back({sent.id, record});
  if (sent.to != kNone) stream(sender.index, sent.to);
  coverage_.add(Provoked::kMessage);
  if (sent.id == 0) coverage_.add(Provoked::kWithoutId);
  if (sent.topic != kNone) coverage_.add(Provoked::kTopicMessage);
  if (sent.service != kNone) coverage_.add(Provoked::kServiceMessage);
  if (sent.is_request) coverage_.add(Provoked::kRequest);
  if (sent.replies_to != kNone) requests_.replies(record, sent.replies_to);
  if (sent.confirmed) coverage_.add(Provoked::kConfirmed);
  return record;
}

void Oracle::sent(uint32_t record, core::Bytes body, uint32_t frame_bytes) {
  SentMessage& message = messages_[record];
  message.body_hash = hash_bytes(body);
  message.body_bytes = static_cast<uint32_t>(body.size());
  message.frame_bytes = frame_bytes;
  if (message.confirmed) {
    Session& sender = sessions_[message.sender];
    ++sender.confirmed;
    sender.open_bytes += frame_bytes;
  }
  if (message.service != kNone) services_.sent(message);
  if (message.to == kNone) return;
  Stream& s = stream(message.sender, message.to);
  s.largest_frame_bytes = std::max(s.largest_frame_bytes, frame_bytes);
  if (!message.confirmed) return;
  ++names_[message.to].open_messages;
  names_[message.to].open_bytes += frame_bytes + kEntryBytesMax;
}

void Oracle::repeats(uint32_t connection, uint32_t record) {
  SentMessage& message = messages_[record];
  // What is at or below last_id is skipped.
  if (!message.unprocessed) return;
  message.connection = connection;
  message.unprocessed = false;
  Session& sender = sessions_[message.sender];
  sender.ids.push_back({message.id, record});
  if (message.confirmed) {
    ++sender.confirmed;
    sender.open_bytes += message.frame_bytes;
  }
  coverage_.add(Provoked::kRepeatedAfterResume);
}

bool Oracle::nothing_waits(const Name& name) const {
  const Session& owner = sessions_[name.owner];
  // Nobody counts what was sent to topics and services.
  const bool has_rooms = scenario_.topic_permille != 0 || scenario_.service_permille != 0;
  if (has_rooms && scenario_.confirmed_permille != 0) return false;
  return owner.connection != kNone && name.open_messages < owner.receive_window &&
         name.open_bytes < scenario_.limits.receive_window_bytes;
}

void Oracle::opens_gate(uint32_t connection, uint32_t name) {
  const Session& sender = session_of(connection);
  const auto position = static_cast<uint32_t>(sender.messages.size());
  stream(sender.index, name).stretches.push_back({position, kNone, false});
  coverage_.add(Provoked::kGateOpened);
  step();
}

uint64_t Oracle::ping_sent(uint32_t connection) {
  Connection& sender = connections_[connection];
  const uint64_t at = step();
  sender.pings.push_back({at, now_us_, static_cast<uint32_t>(session_of(connection).messages.size())});
  return sender.pings.size();
}

void Oracle::after_call(core::ShardIndex shard, const core::Counters& counters) {
  for (const uint32_t number : taken_names_) {
    Name& name = names_[number];
    if (name.taken == kNone) continue;
    name.taken = kNone;
    name.unowned_at = order_;
  }
  taken_names_.clear();
  sample(shard, counters);
  // Within a call, more may have been held than before and after it: what came in with it, twice if it was sent on.
  Held& held = held_[shard];
  const uint64_t all = counters.queued_bytes + counters.open_bytes;
  const uint64_t messages = counters.messages_received - held.messages_received;
  uint64_t came_in = counters.bytes_received - held.bytes_received;
  // What a link had sent while it waited.
  if (came_in == 0 && messages != 0) came_in = core::kReceiveBytes;
  // A message to a topic becomes many.
  const uint64_t copies = counters.topic_copies - held.topic_copies;
  came_in += copies * scenario_.limits.frame_bytes_max;
  held.peak = std::max({held.peak, all, held.all + 2 * came_in + kEntryBytesMax * (messages + copies)});
  const uint64_t dropped = held.all > all ? held.all - all : 0;
  watch_memory(shard, counters, dropped + 3 * came_in + kEntryBytesMax * (messages + copies) + kGrowthBytesMax);
  held = {held.peak, all,         counters.open_bytes,  counters.bytes_received, counters.messages_received,
          held.away, held.memory, counters.topic_copies};
  presence_.counted(shard, counters.presence_restarts);
  check_away();
  check_revoked();
  const uint64_t queued = counters.queued_bytes;
  const core::Limits& limits = scenario_.limits;
  // What is sent again after a resume waits beside what the queue holds.
  const uint64_t again = scenario_.confirmed_permille == 0 ? 0 : limits.receive_window_bytes + limits.frame_bytes_max;
  const uint64_t each = limits.queue_bytes_max + limits.frame_bytes_max + kControlSlackBytes + again;
  if (queued > each * (counters.links + counters.sessions)) {
    fail("shard " + std::to_string(shard) + " has " + std::to_string(queued) + " bytes queued for " +
         std::to_string(counters.links) + " links and " + std::to_string(counters.sessions) + " sessions");
  }
  const uint64_t slack = limits.frame_bytes_max + kControlSlackBytes + again * counters.sessions;
  if (queued > limits.memory_bytes_max + slack) {
    fail("shard " + std::to_string(shard) + " has " + std::to_string(queued) +
         " bytes queued, over the limit of all shards");
  }
  if (counters.open_bytes > again * counters.sessions) {
    fail("shard " + std::to_string(shard) + " has " + std::to_string(counters.open_bytes) +
         " bytes unsettled, over the windows of its sessions");
  }
}

void Oracle::sample(core::ShardIndex shard, const core::Counters& counters) {
  // What was sent out of a backlog within this call had waited with all that is kept beside it.
  const uint64_t opened = counters.open_bytes - std::min(counters.open_bytes, held_[shard].open_bytes);
  const uint64_t queued = counters.queued_bytes + opened;
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
