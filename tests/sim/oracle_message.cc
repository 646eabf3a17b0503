// Oracle: messages on their way: what arrives, and what pause, resume and pong say.
#include <algorithm>

#include "sim/oracle.h"
#include "sim/trace.h"

namespace onehop::sim {
namespace {

// Shards count in milliseconds.
constexpr uint64_t kRoundingUs = 2'000;
// A parcel that waits for two loops that stall.
constexpr uint64_t kCrossingUsMax = 70'000;

// Between shards that take so long at most, a pong takes no longer than this; what wakes for no reason takes a
// keepalive.
constexpr uint64_t kQuickUsMax = 5'000;
constexpr uint64_t kPongUsMax = 700'000;

}  // namespace

uint32_t Oracle::find_delivered(const v1::Message& message) const {
  if (message.id() != 0) {
    const auto found = by_number_.find(message.from_session());
    if (found == by_number_.end()) return kNone;
    const std::vector<IdEntry>& ids = sessions_[found->second].ids;
    const auto entry =
        std::partition_point(ids.begin(), ids.end(), [&message](const IdEntry& e) { return e.id < message.id(); });
    return entry == ids.end() || entry->id != message.id() ? kNone : entry->record;
  }
  uint32_t record = kNone;
  if (message.payload().size() < sizeof record) return kNone;
  std::memcpy(&record, message.payload().data(), sizeof record);
  return record < messages_.size() ? record : kNone;
}

uint32_t Oracle::delivered(uint32_t number, const v1::Message& message, core::Bytes content, uint64_t written_us) {
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
  const Session& recipient = session_of(number);
  check_stamps(number, sent, message, content);
  if (sent.topic != kNone) {
    delivered_topic(number, record, message, content);
    return record;
  }
  const bool to_service = sent.service != kNone;
  if (to_service) services_.check_copy(number, record, message);
  if (sent.fate == Fate::kDelivered && !sent.confirmed) fail(number, "got " + describe(sent) + " a second time");
  if (!to_service && sent.fate == Fate::kDelivered && sent.receiver != recipient.index) {
    fail(number, "got " + describe(sent) + ", which another session has got");
  }
  if (sent.fate == Fate::kRefused) fail(number, "got " + describe(sent) + ", which was refused");
  if (sent.unprocessed) fail(number, "got " + describe(sent) + ", which was above last_id");
  if (draining_at_ != kNever && sent.sent_at > draining_at_ && !requests_.passes_drain(sent))
    fail(number, "got " + describe(sent) + ", sent in the drain");
  if (!to_service) check_arrival(number, record);
  if (sent.confirmed) check_tag(number, record, message);
  if (to_service) services_.delivered(number, record, message);
  if (sent.replies_to != kNone) requests_.reply_delivered(sent);
  const uint64_t begun_us = written_us == kNever ? 0 : written_us;
  if (sent.admitted_us != kNever && begun_us > sent.admitted_us + sent.ttl_ms * 1000ull + kLateUs) {
    fail(number, "got " + describe(sent) + " after its ttl");
  }
  if (sent.waits) session_of(number).waiting_bytes -= sent.frame_bytes;
  sent.waits = false;
  if (sent.fate == Fate::kOpen) count_passed(sent);
  sent.fate = Fate::kDelivered;
  sent.receiver = recipient.index;
  sent.admitted_us = std::min(sent.admitted_us, now_us_);
  sent.read_us = std::min(sent.read_us, now_us_);
  coverage_.add(Provoked::kDelivered);
  if (sessions_[sent.sender].name == recipient.name) coverage_.add(Provoked::kSentToItself);
  return record;
}

// One of many deliveries, or of none.
void Oracle::delivered_topic(uint32_t number, uint32_t record, const v1::Message& message, core::Bytes) {
  const SentMessage& sent = messages_[record];
  if (sent.fate == Fate::kRefused) return fail(number, "got " + describe(sent) + ", which was refused");
  if (sent.unprocessed) return fail(number, "got " + describe(sent) + ", which was above last_id");
  if (draining_at_ != kNever && sent.sent_at > draining_at_)
    return fail(number, "got " + describe(sent) + ", sent in the drain");
  if (sent.sent_at > session_of(number).ended_at) return fail(number, "got " + describe(sent) + ", sent after its end");
  if (sent.confirmed) check_tag(number, record, message);
  topics_.delivered(number, record, message.skipped());
}

bool Oracle::is_for(const Session& recipient, const SentMessage& sent, const v1::Message& message) const {
  if (sent.topic != kNone) return message.topic() == TopicOracle::topics()[sent.topic];
  if (sent.service != kNone) return message.service() == ServiceOracle::services()[sent.service];
  return message.client() == names_[recipient.name].text && sent.to == recipient.name && message.skipped() == 0;
}

void Oracle::check_stamps(uint32_t number, const SentMessage& sent, const v1::Message& message, core::Bytes content) {
  const Session& recipient = session_of(number);
  const Session& sender = sessions_[sent.sender];
  if (sender.number == 0) return fail(number, "got " + describe(sent) + ", whose sender has no session");
  if (sent.unsupported) return fail(number, "got " + describe(sent) + ", which is not served");
  if (content.size() < sent.body_bytes ||
      hash_bytes(content.substr(content.size() - sent.body_bytes)) != sent.body_hash) {
    return fail(number, "got " + describe(sent) + " with other bytes than were sent");
  }
  const bool again = message.redelivered();
  const bool right =
      message.from() == names_[sender.name].text && message.from_session() == (sent.id == 0 ? 0 : sender.number) &&
      message.id() == sent.id && is_for(recipient, sent, message) && (message.delivery_tag() != 0) == sent.confirmed &&
      (sent.confirmed || !again) && (message.ttl_left_ms() != 0) == again && message.ttl_left_ms() <= sent.ttl_ms;
  if (!right) return fail(number, "got " + describe(sent) + " with wrong stamps or by mistake");
  if (content.size() > sent.frame_bytes + kStampBytesMax) return fail(number, "got a message with too long a stamp");
  if (recipient.wanted_frame_bytes != 0 &&
      sent.frame_bytes > std::max(recipient.wanted_frame_bytes, core::kFrameBytesMaxFloor)) {
    return fail(number, "got " + describe(sent) + ", over its own limit");
  }
  if (sent.in_reply_to_session != 0 && sent.in_reply_to_session != recipient.number) {
    fail(number, "got " + describe(sent) + ", which answers another session");
  }
}

// One program gets what one sender sent in its order, and so nothing twice, over any number of connections.
void Oracle::check_arrival(uint32_t number, uint32_t record) {
  const SentMessage& sent = messages_[record];
  if (sent.sent_at > session_of(number).ended_at) {
    fail(number, "got " + describe(sent) + ", sent after its session");
  }
  std::vector<Arrived>& all = programs_[connections_[number].program].arrived;
  for (Arrived& arrived : all) {
    if (arrived.sender != sent.sender) continue;
    if (arrived.position >= sent.position) fail(number, "got " + describe(sent) + " out of order");
    arrived.position = sent.position;
    return;
  }
  all.push_back({sent.sender, sent.position});
}

void Oracle::check_tag(uint32_t number, uint32_t record, const v1::Message& message) {
  SentMessage& sent = messages_[record];
  Connection& connection = connections_[number];
  Session& session = session_of(number);
  const uint64_t tag = message.delivery_tag();
  const std::string what = "got " + describe(sent) + " with tag " + std::to_string(tag);
  if (tag <= connection.last_tag) return fail(number, what + ", which does not rise");
  connection.last_tag = tag;
  connection.last_tag_us = now_us_;
  Program& program = programs_[connection.program];
  if (tag <= program.received_up_to) return fail(number, what + ", which it said it had received");
  program.received_up_to = tag;
  // A request that was replied to may still be unacknowledged.
  if (sent.told_at < connection.opened_at && sent.outcome != v1::OUTCOME_REPLIED) {
    return fail(number, what + ", though its sender had been told its outcome before");
  }
  const Delivery* known = find_delivery(session, tag);
  if (known != nullptr ? known->record != record : sent.tag != 0 && sent.to != kNone) {
    return fail(number, what + ", which is another's, or another than before");
  }
  if (known != nullptr) {
    coverage_.add(Provoked::kRedelivered);
    if (!message.redelivered()) return fail(number, what + " again, not marked as redelivered");
  } else {
    const bool may_be_moved = sent.service != kNone && services_.may_be_moved_attempted(session.index, sent);
    if (message.redelivered() && !may_be_moved && (!connection.resumed || sent.sent_at > connection.opened_at)) {
      return fail(number, what + " as redelivered for the first time");
    }
    if (!session.deliveries.empty() && session.deliveries.back().tag > tag) {
      return fail(number, what + ", which was left out before");
    }
    session.deliveries.push_back({tag, record, {}});
    sent.tag = tag;
  }
  check_window(number, tag, sent.body_bytes);
}

void Oracle::check_window(uint32_t number, uint64_t tag, uint32_t bytes) {
  const Session& session = session_of(number);
  std::vector<Program::Open>& open = programs_[connections_[number].program].open;
  open.push_back({tag, bytes});
  if (open.size() == session.receive_window) coverage_.add(Provoked::kReceiveWindowFull);
  uint64_t total = 0;
  for (const Program::Open& one : open) total += one.bytes;
  const bool within =
      open.size() <= session.receive_window && (open.size() == 1 || total <= scenario_.limits.receive_window_bytes);
  if (!within) {
    fail(number, "has " + std::to_string(open.size()) + " deliveries of " + std::to_string(total) +
                     " bytes to settle, over its window");
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
  const Session& sender = session_of(number);
  const auto has =
      std::find_if(sender.streams.begin(), sender.streams.end(), [name](const Stream& s) { return s.name == name; });
  if (has == sender.streams.end())
    return fail(number, "was told Flow for " + flow.client() + ", to whom it never sent");
  Stream& s = stream(sender.index, name);
  if (!pauses) {
    coverage_.add(Provoked::kResume);
    // A PAUSE may have been lost with an elder connection.
    if (s.pauses == 0 && sender.connections.size() == 1) {
      return fail(number, "was told RESUME for " + flow.client() + " without PAUSE before");
    }
    if (s.pauses != 0) --s.pauses;
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
  const bool crosses = names_[name].home != names_[sender.name].home;
  const uint64_t slack_us = crosses ? kCrossingUsMax + scenario_.parcel_delay_us_max : kRoundingUs;
  const uint32_t owner = names_[name].owner;
  const bool same_owner =
      owner != kNone && owner == s.pause_owner && sessions_[owner].opened_us + slack_us < s.pause_written_us;
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
  Connection& connection = connections_[number];
  if (nonce == 0 || nonce > connection.pings.size()) return fail(number, "a pong for a ping it never sent");
  if (nonce <= connection.pongs) return fail(number, "a pong that was overtaken by a later one");
  const Ping& ping = connection.pings[nonce - 1];
  const bool quick = std::max(scenario_.parcel_delay_us_max, scenario_.credit_delay_us_max) < kQuickUsMax;
  if (ping.at > resting_at_ && quick && now_us_ - ping.at_us > kPongUsMax) {
    return fail(number, "waited " + std::to_string(now_us_ - ping.at_us) + " us for its pong, though all was quiet");
  }
  Session& sender = session_of(number);
  const uint32_t before = connection.pongs == 0 ? 0 : connection.pings[connection.pongs - 1].messages;
  connection.pongs = static_cast<uint32_t>(nonce);
  sender.settled_at = order_;
  prove_verdicts(number, nonce);
  for (uint32_t i = before; i < ping.messages; ++i) {
    SentMessage& sent = messages_[sender.messages[i]];
    if (sent.unprocessed || (sent.connection != number && !sent.confirmed)) continue;
    sent.settled = true;
    // Refusals of an elder connection may have been lost with it.
    if (sent.behind_gate && sender.connections.size() == 1 && !gate_may_be_closed(sent)) {
      return fail(number, describe(sent) + " was refused as full, but neither its queue was, nor a gate closed");
    }
    sent.admitted_us = std::min(sent.admitted_us, now_us_);
    count_waiting(sent);
  }
  coverage_.add(Provoked::kPong);
}

// What is admitted for a connection that has been there since before it was sent waits until it is read.
void Oracle::count_waiting(SentMessage& sent) {
  if (sent.id == 0 || sent.confirmed || sent.fate != Fate::kOpen || sent.ttl_ms < scenario_.limits.ttl_ms_max) return;
  if (sent.to == kNone || names_[sent.to].owner == kNone) return;
  Session& recipient = sessions_[names_[sent.to].owner];
  if (recipient.opened_at > sent.sent_at || recipient.connection == kNone || recipient.connections.size() > 1) return;
  sent.waits = true;
  recipient.waiting_bytes += sent.frame_bytes;
}

}  // namespace onehop::sim
