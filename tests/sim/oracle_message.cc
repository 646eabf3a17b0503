// Oracle: messages on their way: what arrives, what is refused, and what pause, resume and pong say.
#include <algorithm>

#include "sim/oracle.h"
#include "sim/trace.h"

namespace onehop::sim {
namespace {

// What the broker may put in front of a sender's frame.
constexpr uint32_t kStampBytesMax = 512;

// Shards count in milliseconds.
constexpr uint64_t kRoundingUs = 2'000;
// A parcel that waits for two loops that stall.
constexpr uint64_t kCrossingUsMax = 70'000;

// Between shards that take so long at most, a pong takes no longer than this; what wakes for no reason takes a
// keepalive.
constexpr uint64_t kQuickUsMax = 5'000;
constexpr uint64_t kPongUsMax = 700'000;

const IdEntry* find_id(const Connection& connection, uint64_t id) {
  const auto found = std::partition_point(connection.ids.begin(), connection.ids.end(),
                                          [id](const IdEntry& entry) { return entry.id < id; });
  return found != connection.ids.end() && found->id == id ? &*found : nullptr;
}

Stretch& stretch_of(Stream& stream, uint32_t position) {
  size_t i = stream.stretches.size() - 1;
  while (i > 0 && stream.stretches[i].from_position > position) --i;
  return stream.stretches[i];
}

std::string describe(const SentMessage& sent) {
  return "message " + std::to_string(sent.id) + " (connection " + std::to_string(sent.connection) + ", position " +
         std::to_string(sent.position) + ", " + std::to_string(sent.frame_bytes) + " bytes)";
}

}  // namespace

uint32_t Oracle::find_delivered(const v1::Message& message) const {
  if (message.id() != 0) {
    const auto found = by_session_.find(message.from_session());
    if (found == by_session_.end()) return kNone;
    const IdEntry* entry = find_id(connections_[found->second], message.id());
    return entry == nullptr ? kNone : entry->record;
  }
  uint32_t record = kNone;
  if (message.payload().size() < sizeof record) return kNone;
  std::memcpy(&record, message.payload().data(), sizeof record);
  return record < messages_.size() ? record : kNone;
}

uint32_t Oracle::delivered(uint32_t number, const v1::Message& message, core::Bytes content) {
  step();
  if (!connections_[number].connected_seen) {
    fail(number, "got a message before Connected");
    return kNone;
  }
  const uint32_t record = find_delivered(message);
  if (record == kNone) {
    fail(number, "got a message that nobody sent: from " + message.from() + ", id " + std::to_string(message.id()));
    return kNone;
  }
  SentMessage& sent = messages_[record];
  check_stamps(number, sent, message, content);
  if (sent.fate == Fate::kDelivered) fail(number, "got " + describe(sent) + " a second time");
  if (sent.fate == Fate::kRefused) fail(number, "got " + describe(sent) + ", which was refused");
  check_arrival(number, record);
  sent.fate = Fate::kDelivered;
  sent.receiver = number;
  coverage_.add(Provoked::kDelivered);
  if (connections_[sent.connection].name == connections_[number].name) coverage_.add(Provoked::kSentToItself);
  return record;
}

void Oracle::check_stamps(uint32_t number, const SentMessage& sent, const v1::Message& message, core::Bytes content) {
  const Connection& recipient = connections_[number];
  const Connection& sender = connections_[sent.connection];
  if (sender.session == 0) return fail(number, "got " + describe(sent) + ", whose sender has no session");
  if (sent.unsupported) return fail(number, "got " + describe(sent) + ", which is not served");
  if (content.size() < sent.body_bytes ||
      hash_bytes(content.substr(content.size() - sent.body_bytes)) != sent.body_hash) {
    return fail(number, "got " + describe(sent) + " with other bytes than were sent");
  }
  const bool right = message.from() == names_[sender.name].text &&
                     message.from_session() == (sent.id == 0 ? 0 : sender.session) && message.id() == sent.id &&
                     message.client() == names_[recipient.name].text && sent.to == recipient.name &&
                     message.delivery_tag() == 0 && !message.redelivered() && message.ttl_left_ms() == 0;
  if (!right) return fail(number, "got " + describe(sent) + " with wrong stamps or by mistake");
  if (content.size() > sent.frame_bytes + kStampBytesMax) return fail(number, "got a message with too long a stamp");
  if (sent.frame_bytes > recipient.frame_bytes_max)
    return fail(number, "got " + describe(sent) + ", over its own limit");
  if (sent.in_reply_to_session != 0 && sent.in_reply_to_session != recipient.session) {
    fail(number, "got " + describe(sent) + ", which answers another session");
  }
}

void Oracle::check_arrival(uint32_t number, uint32_t record) {
  const SentMessage& sent = messages_[record];
  if (sent.sent_at > connections_[number].ended_at) fail(number, "got " + describe(sent) + ", sent after its session");
  for (Arrived& arrived : connections_[number].arrived) {
    if (arrived.sender != sent.connection) continue;
    if (arrived.position >= sent.position) fail(number, "got " + describe(sent) + " out of order");
    arrived.position = sent.position;
    return;
  }
  connections_[number].arrived.push_back({sent.connection, sent.position});
}

bool Oracle::refused(uint32_t number, const v1::Receipt& receipt) {
  step();
  Connection& sender = connections_[number];
  const uint64_t first = receipt.first_id();
  const uint64_t last = receipt.last_id();
  if (receipt.outcome() != v1::OUTCOME_REJECTED || receipt.attempted() || first == 0 || first > last) {
    fail(number, "a receipt makes no sense: ids " + std::to_string(first) + " to " + std::to_string(last));
    return false;
  }
  const IdEntry* entry = find_id(sender, first);
  if (entry == nullptr) {
    fail(number, "a receipt for id " + std::to_string(first) + ", which it never sent");
    return false;
  }
  const IdEntry* end = sender.ids.data() + sender.ids.size();
  for (uint64_t id = first; id <= last; ++id, ++entry) {
    if (entry == end || entry->id != id) {
      fail(number, "a receipt covers id " + std::to_string(id) + ", which it never sent");
      return false;
    }
    refuse(number, entry->record, receipt);
  }
  return true;
}

void Oracle::refuse(uint32_t number, uint32_t record, const v1::Receipt& receipt) {
  SentMessage& sent = messages_[record];
  const v1::Reason reason = receipt.reason();
  const std::string what = describe(sent) + " refused with reason " + std::to_string(reason);
  if (sent.fate == Fate::kRefused) return fail(number, what + " a second time");
  if (sent.fate == Fate::kDelivered) return fail(number, what + " after it was delivered");
  if (sent.position < connections_[number].settled_messages) return fail(number, what + " after the pong");
  const std::string why = why_illegal(sent, reason);
  if (!why.empty()) return fail(number, what + ": " + why);
  if (reason == v1::REASON_QUEUE_FULL && receipt.retry_after_ms() == 0)
    return fail(number, what + ": no retry_after_ms");
  sent.fate = Fate::kRefused;
  sent.reason = reason;
  if (reason != v1::REASON_QUEUE_FULL) return;
  Stretch& stretch = stretch_of(stream(number, sent.to), sent.position);
  if (stretch.refused_position == kNone || sent.position < stretch.refused_position) {
    stretch.refused_position = sent.position;
  } else if (connections_[number].ordered) {
    coverage_.add(Provoked::kGateRefused);
  }
}

bool Oracle::gate_may_be_closed(const SentMessage& sent) {
  if (!connections_[sent.connection].wants_order) return false;
  const Stretch& stretch = stretch_of(stream(sent.connection, sent.to), sent.position);
  return stretch.refused_position != kNone && stretch.refused_position < sent.position;
}

bool Oracle::was_unowned_since(uint32_t name, uint64_t at) const {
  const Name& n = names_[name];
  return (n.owner == kNone && !n.taken) || n.unowned_at >= at;
}

bool Oracle::any_owner_since(uint32_t name, uint64_t at, bool (*holds)(const Connection&, const SentMessage&),
                             const SentMessage& sent) const {
  const std::vector<uint32_t>& owners = names_[name].owners;
  for (size_t i = owners.size(); i-- != 0;) {
    const Connection& owner = connections_[owners[i]];
    if (owner.ended_at < at) break;
    if (holds(owner, sent)) return true;
  }
  return false;
}

std::string Oracle::why_illegal(const SentMessage& sent, v1::Reason reason) {
  const core::Limits& limits = scenario_.limits;
  const uint64_t with_stamp = sent.frame_bytes + kStampBytesMax;
  if (reason == v1::REASON_UNSUPPORTED) {
    coverage_.add(Provoked::kUnsupported);
    return sent.unsupported ? "" : "it is served";
  }
  if (reason == v1::REASON_SHUTTING_DOWN) return stopping_at_ != kNever ? "" : "nobody stops the shards";
  if (sent.unsupported) return "it is not served";
  switch (reason) {
    case v1::REASON_UNKNOWN_CLIENT:
      coverage_.add(Provoked::kUnknownClient);
      return was_unowned_since(sent.to, sent.sent_at) ? "" : "its name had an owner all the time";
    case v1::REASON_QUEUE_FULL:
      coverage_.add(Provoked::kQueueFull);
      if (gate_may_be_closed(sent)) return {};
      return queued_peak_since(sent.to, sent.sent_at) + with_stamp > limits.queue_bytes_max ? ""
                                                                                            : "the queue was not full";
    case v1::REASON_TOO_LARGE:
      coverage_.add(Provoked::kTooLarge);
      return any_owner_since(
                 sent.to, sent.sent_at,
                 [](const Connection& owner, const SentMessage& message) {
                   return owner.wanted_frame_bytes != 0 &&
                          message.frame_bytes > std::max(owner.wanted_frame_bytes, core::kFrameBytesMaxFloor);
                 },
                 sent)
                 ? ""
                 : "no owner of the name has such a limit";
    case v1::REASON_STALE_SESSION:
      coverage_.add(Provoked::kStaleSession);
      if (sent.in_reply_to_session == 0) return "it answers no session";
      return any_owner_since(
                 sent.to, sent.sent_at,
                 [](const Connection& owner, const SentMessage& message) {
                   return owner.session != message.in_reply_to_session;
                 },
                 sent)
                 ? ""
                 : "it answers the session that owns the name";
    case v1::REASON_BROKER_BUSY:
      coverage_.add(Provoked::kBrokerBusy);
      return queued_peak_since(sent.to, sent.sent_at) + with_stamp > limits.shard_queue_bytes_max ? "" : "it has room";
    default:
      return "not a reason that exists so far";
  }
}

void Oracle::flow(uint32_t number, const v1::Flow& flow, uint64_t written_us, bool was_unblocked) {
  step();
  const auto found = name_numbers_.find(flow.client());
  const bool pauses = flow.state() == v1::STATE_PAUSE;
  if (flow.target_case() != v1::Flow::kClient || found == name_numbers_.end() ||
      (!pauses && flow.state() != v1::STATE_RESUME) || (pauses && flow.retry_after_ms() == 0)) {
    return fail(number, "a Flow makes no sense");
  }
  const uint32_t name = found->second;
  const std::vector<Stream>& streams = connections_[number].streams;
  const auto has = std::find_if(streams.begin(), streams.end(), [name](const Stream& s) { return s.name == name; });
  if (has == streams.end()) return fail(number, "was told Flow for " + flow.client() + ", to whom it never sent");
  Stream& s = stream(number, name);
  if (!pauses) {
    coverage_.add(Provoked::kResume);
    if (s.pauses == 0) return fail(number, "was told RESUME for " + flow.client() + " without PAUSE before");
    --s.pauses;
    s.paused = false;
    return;
  }
  coverage_.add(Provoked::kPause);
  // A message that would go over the mark counts, also if it is refused.
  if (queued_peak_since(name, s.first_sent_at) + s.largest_frame_bytes + kStampBytesMax <
      scenario_.limits.high_mark()) {
    return fail(number, "was told PAUSE for " + flow.client() + ", whose queue was not over the high mark");
  }
  // A lease begins when PAUSE is decided, which is when it is written if nothing waited before it, or a parcel earlier.
  const bool crosses = names_[name].home != names_[connections_[number].name].home;
  const uint64_t slack_us = crosses ? kCrossingUsMax + scenario_.parcel_delay_us_max : kRoundingUs;
  const uint32_t owner = names_[name].owner;
  const bool same_owner =
      owner != kNone && owner == s.pause_owner && connections_[owner].opened_us + slack_us < s.pause_written_us;
  if (s.paused && s.pause_was_unblocked && same_owner &&
      written_us + slack_us < s.pause_written_us + uint64_t{s.pause_lease_ms} * 1000) {
    return fail(number, "was told PAUSE for " + flow.client() +
                            " twice within one lease: " + std::to_string(written_us - s.pause_written_us) +
                            " us after the first of " + std::to_string(s.pause_lease_ms) + " ms");
  }
  ++s.pauses;
  s.paused = true;
  s.pause_was_unblocked = was_unblocked;
  s.pause_written_us = written_us;
  s.pause_lease_ms = flow.retry_after_ms();
  s.pause_owner = owner;
}

void Oracle::pong(uint32_t number, uint64_t nonce) {
  step();
  Connection& sender = connections_[number];
  if (nonce == 0 || nonce > sender.pings.size()) return fail(number, "a pong for a ping it never sent");
  if (nonce <= sender.pongs) return fail(number, "a pong that was overtaken by a later one");
  const Ping& ping = sender.pings[nonce - 1];
  const bool quick = std::max(scenario_.parcel_delay_us_max, scenario_.credit_delay_us_max) < kQuickUsMax;
  if (ping.at > resting_at_ && quick && now_us_ - ping.at_us > kPongUsMax) {
    return fail(number, "waited " + std::to_string(now_us_ - ping.at_us) + " us for its pong, though all was quiet");
  }
  sender.pongs = static_cast<uint32_t>(nonce);
  sender.settled_messages = sender.pings[nonce - 1].messages;
  sender.settled_at = order_;
  coverage_.add(Provoked::kPong);
}

}  // namespace onehop::sim
