// Oracle: what must hold when everything has come to rest: nothing forgotten, no holes, gates kept, one order, and the
// books balance.
#include <algorithm>
#include <array>
#include <numeric>

#include "sim/oracle.h"

namespace onehop::sim {
namespace {

// A message with a shorter ttl may have expired in any queue.
constexpr uint32_t kShortTtlMs = 2'000;
// How long an outcome may be under way.
constexpr uint64_t kTellingUsMax = 1'000'000;

bool was_refused_full(const SentMessage& sent) {
  return sent.fate == Fate::kRefused && sent.reason == v1::REASON_QUEUE_FULL;
}

}  // namespace

void Oracle::check_at_rest() {
  topics_.check_at_rest();
  services_.check_at_rest();
  requests_.check_at_rest();
  presence_.check_at_rest();
  for (const Session& sender : sessions_) {
    if (failed()) return;
    if (sender.number == 0) {
      for (const uint32_t record : sender.messages) {
        if (messages_[record].fate != Fate::kOpen) fail("a message has a fate, but its sender never had a session");
      }
      continue;
    }
    check_settled(sender);
    check_released(sender);
    for (const Stream& stream : sender.streams) {
      std::vector<uint32_t> records;
      for (const uint32_t record : sender.messages) {
        if (messages_[record].to == stream.name) records.push_back(record);
      }
      check_holes(sender, records);
      if (sender.wants_order) {
        check_gates(sender, stream, records);
        check_logical_order(sender, records);
      }
      check_owner_order(sender, records);
    }
  }
}

// Whether unconfirmed messages for it may be gone without a word.
bool Oracle::is_broken(const Session& session) const {
  if (session.ended_at != kNever || session.connection == kNone || session.connections.size() > 1) return true;
  return connections_[session.connection].cut;
}

// An unconfirmed message that had been admitted may be gone with its recipient, or its ttl.
bool Oracle::may_be_lost(const SentMessage& sent) const {
  for (const uint32_t index : names_[sent.to].owners) {
    const Session& owner = sessions_[index];
    if (owner.ended_at < sent.sent_at || owner.opened_at > sessions_[sent.sender].settled_at) continue;
    const bool waited = sent.ttl_ms < kShortTtlMs || owner.lazy;
    if (is_broken(owner) || (waited && sent.sent_us + sent.ttl_ms * kUsPerMs <= now_us_)) return true;
  }
  return false;
}

// After the pong, a message with an id that was not refused was admitted: it has arrived, or its recipient has ended;
// and one that was to be confirmed has its outcome.
void Oracle::check_settled(const Session& sender) {
  const bool told =
      sender.ended_at == kNever && sender.connection != kNone && !going_down() && !connections_[sender.connection].cut;
  for (const uint32_t record : sender.messages) {
    const SentMessage& sent = messages_[record];
    if (!sent.settled || sent.id == 0) continue;
    if (sent.confirmed) {
      // Every wait ends with the ttl.
      const bool over = sent.admitted_us + sent.ttl_ms * kUsPerMs + kTellingUsMax < now_us_;
      if (told && over && sent.outcome == v1::OUTCOME_UNSPECIFIED) {
        return fail(sender, describe(sent) + " never got its outcome");
      }
      continue;
    }
    if (sent.fate != Fate::kOpen || sent.topic != kNone) continue;
    if (sent.unsupported) return fail(sender, describe(sent) + " is not served, and was not refused");
    if (sent.service != kNone) {
      services_.check_lost(sent);
      continue;
    }
    const std::string what = describe(sent) + " to " + names_[sent.to].text;
    bool had_owner = false;
    for (const uint32_t index : names_[sent.to].owners) {
      const Session& owner = sessions_[index];
      had_owner = had_owner || (owner.ended_at >= sent.sent_at && owner.opened_at <= sender.settled_at);
    }
    if (!had_owner) return fail(sender, what + ", which nobody was, was not refused");
    if (!may_be_lost(sent)) return fail(sender, what + " was admitted and has vanished");
    coverage_.add(Provoked::kLost);
  }
}

// Whoever was told to pause has been told to resume, since every queue is empty.
void Oracle::check_released(const Session& sender) {
  if (is_broken(sender)) return;
  for (const Stream& stream : sender.streams) {
    if (!stream.paused) continue;
    uint32_t senders = 0;
    for (const Session& other : sessions_) {
      for (const Stream& s : other.streams) senders += s.name == stream.name ? 1 : 0;
    }
    // With more senders than it remembers the recipient forgets those whose lease has run out.
    if (senders > scenario_.limits.senders_max) continue;
    const Name& name = names_[stream.name];
    if (name.owner != kNone && is_broken(sessions_[name.owner])) continue;
    return fail(sender, "was told PAUSE for " + name.text + ", and never RESUME");
  }
}

// What a recipient lost by its end is the end of what was admitted for it.
void Oracle::check_holes(const Session& sender, const std::vector<uint32_t>& records) {
  uint32_t last_receiver = kNone;
  for (size_t i = records.size(); i-- != 0;) {
    const SentMessage& sent = messages_[records[i]];
    if (sent.fate == Fate::kDelivered) {
      last_receiver = sent.receiver;
      continue;
    }
    if (sent.fate != Fate::kOpen || sent.id == 0 || sent.confirmed || last_receiver == kNone) continue;
    // Refused, but the receipt not read: only a sender that got the pong is sure.
    if (!sent.settled) continue;
    const Session& receiver = sessions_[last_receiver];
    // What a connection of several lost, or time took, is a hole like any other.
    if (receiver.connections.size() > 1 || sent.sent_us + sent.ttl_ms * kUsPerMs <= now_us_) continue;
    if (receiver.opened_at < sent.sent_at) {
      return fail(sender,
                  describe(sent) + " was left out of what session " + std::to_string(receiver.number) + " received");
    }
  }
}

// From the first QUEUE_FULL with an id until the sender opens the gate, nothing passes.
void Oracle::check_gates(const Session& sender, const Stream& stream, const std::vector<uint32_t>& records) {
  size_t next = 0;
  for (size_t i = 0; i < stream.stretches.size(); ++i) {
    const Stretch& stretch = stream.stretches[i];
    const bool last = i + 1 == stream.stretches.size();
    const uint32_t end = last ? UINT32_MAX : stream.stretches[i + 1].from_position;
    uint64_t closed_at = kNever;
    for (; next < records.size() && messages_[records[next]].position < end; ++next) {
      const SentMessage& sent = messages_[records[next]];
      // Before it had read Connected, the feature was not agreed upon.
      if (sent.position < sender.connected_position) continue;
      if (closed_at == kNever && sent.id != 0 && was_refused_full(sent)) closed_at = sent.sent_at;
      if (closed_at == kNever || sent.fate != Fate::kDelivered) continue;
      if (sessions_[sent.receiver].opened_at < closed_at) {
        return fail(sender, describe(sent) + " passed a closed gate of " + names_[stream.name].text);
      }
    }
    if (last) break;
    if (stretch.from_position > end) return fail(sender, "stretches out of order");
  }
}

// The stream of a sender that repeats what the gate refused reaches one session of the recipient in order, complete but
// for what was refused for good.
void Oracle::check_logical_order(const Session& sender, const std::vector<uint32_t>& records) {
  struct Item {
    uint64_t first_sent_at = kNever;
    uint32_t attempts = 0;
    bool done = false;  // Has arrived, is refused for good, or nobody can know.
  };
  std::vector<Item> items;
  size_t complete = 0;  // Items before this one are done, or older than the recipient's session.
  for (const uint32_t record : records) {
    const SentMessage& sent = messages_[record];
    if (sent.logical == 0) continue;
    if (items.size() < sent.logical) items.resize(sent.logical);
    Item& item = items[sent.logical - 1];
    item.first_sent_at = std::min(item.first_sent_at, sent.sent_at);
    ++item.attempts;
    if (sent.fate == Fate::kDelivered) {
      if (item.attempts > 1) coverage_.add(Provoked::kRepeated);
      const uint64_t opened_at = sessions_[sent.receiver].opened_at;
      while (complete + 1 < sent.logical && (items[complete].done || items[complete].first_sent_at < opened_at))
        ++complete;
      if (complete + 1 < sent.logical) {
        return fail(sender, describe(sent) + ", number " + std::to_string(sent.logical) + " of the stream to " +
                                names_[sent.to].text + ", came before number " + std::to_string(complete + 1));
      }
    }
    if (was_refused_full(sent)) continue;
    item.done = item.done || sent.confirmed || sent.fate != Fate::kOpen || !sent.settled || may_be_lost(sent);
  }
}

// From one session of the recipient to the next, too, a sender's messages go forward.
void Oracle::check_owner_order(const Session& sender, const std::vector<uint32_t>& records) {
  uint64_t newest_opened_at = 0;
  for (const uint32_t record : records) {
    const SentMessage& sent = messages_[record];
    if (sent.fate != Fate::kDelivered) continue;
    const uint64_t opened_at = sessions_[sent.receiver].opened_at;
    if (opened_at < newest_opened_at) {
      return fail(sender, describe(sent) + " reached an elder session after a later one had been reached");
    }
    newest_opened_at = opened_at;
  }
}

void Oracle::check_empty(core::ShardIndex shard, const core::Counters& counters) {
  const uint64_t held = counters.queued_bytes + counters.open_bytes + counters.decoder_bytes;
  if (counters.links + counters.sessions + held == 0) return;
  fail("at the end shard " + std::to_string(shard) + " still counts " + std::to_string(counters.links) + " links, " +
       std::to_string(counters.sessions) + " sessions, " + std::to_string(counters.queued_bytes) +
       " queued bytes and " + std::to_string(counters.open_bytes) + " unsettled");
}

void Oracle::check_balance(const std::vector<core::Counters>& all) {
  uint64_t received = 0;
  uint64_t delivered = 0;
  uint64_t refused = 0;
  uint64_t skipped = 0;
  uint64_t copies = 0;
  uint64_t dropped = 0;
  uint64_t ended = 0;  // Without having been taken.
  uint64_t takeovers = 0;
  uint64_t opened = 0;
  std::array<uint64_t, core::kOutcomes> outcomes{};
  for (const core::Counters& counters : all) {
    received += counters.messages_received;
    // What was sent to a topic, instead of the copies that came of it.
    delivered += counters.messages_admitted + counters.topic_messages - counters.topic_copies;
    skipped += counters.topic_skips;
    copies += counters.topic_copies;
    dropped += counters.messages_dropped;
    ended += counters.messages_expired + counters.outcomes[v1::OUTCOME_LOST] + counters.outcomes[v1::OUTCOME_EXPIRED];
    takeovers += counters.takeovers;
    opened += counters.sessions_opened;
    for (size_t i = 0; i < outcomes.size(); ++i) outcomes[i] += counters.outcomes[i];
    refused = std::accumulate(counters.messages_refused.begin(), counters.messages_refused.end(), refused);
  }
  // What moves to another instance is admitted again, or lost on its way.
  const bool moves = scenario_.service_permille != 0;
  if (moves ? received > delivered + refused + dropped + ended : received != delivered + refused) {
    fail("of " + std::to_string(received) + " messages received, " + std::to_string(delivered) +
         " were delivered and " + std::to_string(refused) + " refused: the rest is missing");
  }
  topics_.check_skips(skipped);
  if (dropped > delivered + copies) fail("the shards count more messages lost with connections than they delivered");
  for (const SentMessage& sent : messages_) {
    const bool admitted = sent.outcome != v1::OUTCOME_UNSPECIFIED && sent.fate != Fate::kRefused;
    if (admitted && outcomes[static_cast<size_t>(sent.outcome)]-- == 0) {
      return fail("clients were told more outcomes " + std::to_string(sent.outcome) + " than the shards count");
    }
  }
  uint64_t taken = 0;
  uint64_t sessions = 0;
  for (const Name& name : names_) taken += name.takeovers_us.size();
  for (const Session& session : sessions_) sessions += session.number != 0 ? 1 : 0;
  if (taken != takeovers || sessions != opened) {
    fail("the shards count " + std::to_string(takeovers) + " takeovers and " + std::to_string(opened) +
         " sessions, but noted " + std::to_string(taken) + " and " + std::to_string(sessions));
  }
}

}  // namespace onehop::sim
