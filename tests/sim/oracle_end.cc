// Oracle: what must hold when everything has come to rest: nothing forgotten, no holes, gates kept, one order, and the
// books balance.
#include <algorithm>
#include <numeric>

#include "sim/oracle.h"

namespace onehop::sim {
namespace {

std::string describe(const SentMessage& sent) {
  return "message " + std::to_string(sent.id) + " at position " + std::to_string(sent.position);
}

bool was_refused_full(const SentMessage& sent) {
  return sent.fate == Fate::kRefused && sent.reason == v1::REASON_QUEUE_FULL;
}

}  // namespace

void Oracle::check_at_rest() {
  for (const Connection& sender : connections_) {
    if (failed()) return;
    if (sender.session == 0) {
      for (const uint32_t record : sender.messages) {
        if (messages_[record].fate != Fate::kOpen) fail(sender.number, "had no session, yet a message has a fate");
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
      if (sender.ordered) {
        check_gates(sender, stream, records);
        check_logical_order(sender, records);
      }
      check_owner_order(sender, records);
    }
  }
}

// After the pong, a message with an id that was not refused was admitted: it has arrived, or its recipient has ended.
void Oracle::check_settled(const Connection& sender) {
  for (uint32_t i = 0; i < sender.settled_messages; ++i) {
    const SentMessage& sent = messages_[sender.messages[i]];
    if (sent.id == 0 || sent.fate != Fate::kOpen) continue;
    if (sent.unsupported) return fail(sender.number, describe(sent) + " is not served, and was not refused");
    bool had_owner = false;
    bool lost = false;
    for (const uint32_t number : names_[sent.to].owners) {
      const Connection& owner = connections_[number];
      if (owner.ended_at < sent.sent_at || owner.opened_at > sender.settled_at) continue;
      had_owner = true;
      if (owner.ended_at != kNever || owner.cut) lost = true;
    }
    const std::string what = describe(sent) + " to " + names_[sent.to].text;
    if (!had_owner) return fail(sender.number, what + ", which nobody was, was not refused");
    if (!lost) return fail(sender.number, what + " was admitted and has vanished");
    coverage_.add(Provoked::kLost);
  }
}

// Whoever was told to pause has been told to resume, since every queue is empty.
void Oracle::check_released(const Connection& sender) {
  if (sender.ended_at != kNever || sender.cut) return;
  for (const Stream& stream : sender.streams) {
    if (!stream.paused) continue;
    uint32_t senders = 0;
    for (const Connection& other : connections_) {
      for (const Stream& s : other.streams) senders += s.name == stream.name ? 1 : 0;
    }
    // With more senders than it remembers the recipient forgets those whose lease has run out.
    if (senders > scenario_.limits.senders_max) continue;
    const Name& name = names_[stream.name];
    if (name.owner != kNone && connections_[name.owner].cut) continue;
    return fail(sender.number, "was told PAUSE for " + name.text + ", and never RESUME");
  }
}

// What a recipient lost by its end is the end of what was admitted for it.
void Oracle::check_holes(const Connection& sender, const std::vector<uint32_t>& records) {
  uint32_t last_receiver = kNone;
  for (size_t i = records.size(); i-- != 0;) {
    const SentMessage& sent = messages_[records[i]];
    if (sent.fate == Fate::kDelivered) {
      last_receiver = sent.receiver;
      continue;
    }
    if (sent.fate != Fate::kOpen || sent.id == 0 || last_receiver == kNone) continue;
    // Refused, but the receipt not read: only a sender that got the pong is sure.
    if (sent.position >= sender.settled_messages) continue;
    if (connections_[last_receiver].opened_at < sent.sent_at) {
      return fail(sender.number,
                  describe(sent) + " was left out of what connection " + std::to_string(last_receiver) + " received");
    }
  }
}

// From the first QUEUE_FULL with an id until the sender opens the gate, nothing passes.
void Oracle::check_gates(const Connection& sender, const Stream& stream, const std::vector<uint32_t>& records) {
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
      if (connections_[sent.receiver].opened_at < closed_at) {
        return fail(sender.number, describe(sent) + " passed a closed gate of " + names_[stream.name].text);
      }
    }
    if (last) break;
    if (stretch.from_position > end) return fail(sender.number, "stretches out of order");
  }
}

// The stream of a sender that repeats what the gate refused reaches one session of the recipient in order, complete but
// for what was refused for good.
void Oracle::check_logical_order(const Connection& sender, const std::vector<uint32_t>& records) {
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
      const uint64_t opened_at = connections_[sent.receiver].opened_at;
      while (complete + 1 < sent.logical && (items[complete].done || items[complete].first_sent_at < opened_at))
        ++complete;
      if (complete + 1 < sent.logical) {
        return fail(sender.number, describe(sent) + ", number " + std::to_string(sent.logical) + " of the stream to " +
                                       names_[sent.to].text + ", came before number " + std::to_string(complete + 1));
      }
    }
    if (!was_refused_full(sent) && (sent.fate != Fate::kOpen || sent.position >= sender.settled_messages))
      item.done = true;
  }
}

// From one session of the recipient to the next, too, a sender's messages go forward.
void Oracle::check_owner_order(const Connection& sender, const std::vector<uint32_t>& records) {
  uint64_t newest_opened_at = 0;
  for (const uint32_t record : records) {
    const SentMessage& sent = messages_[record];
    if (sent.fate != Fate::kDelivered) continue;
    const uint64_t opened_at = connections_[sent.receiver].opened_at;
    if (opened_at < newest_opened_at) {
      return fail(sender.number, describe(sent) + " reached an elder session after a later one had been reached");
    }
    newest_opened_at = opened_at;
  }
}

void Oracle::check_empty(core::ShardIndex shard, const core::Counters& counters) {
  if (counters.links == 0 && counters.sessions == 0 && counters.queued_bytes == 0) return;
  fail("at the end shard " + std::to_string(shard) + " still counts " + std::to_string(counters.links) + " links, " +
       std::to_string(counters.sessions) + " sessions and " + std::to_string(counters.queued_bytes) + " queued bytes");
}

void Oracle::check_balance(const std::vector<core::Counters>& all) {
  uint64_t received = 0;
  uint64_t delivered = 0;
  uint64_t refused = 0;
  uint64_t dropped = 0;
  uint64_t takeovers = 0;
  uint64_t opened = 0;
  for (const core::Counters& counters : all) {
    received += counters.messages_received;
    delivered += counters.messages_delivered;
    dropped += counters.messages_dropped;
    takeovers += counters.takeovers;
    opened += counters.sessions_opened;
    refused = std::accumulate(counters.messages_refused.begin(), counters.messages_refused.end(), refused);
  }
  if (received != delivered + refused) {
    fail("of " + std::to_string(received) + " messages received, " + std::to_string(delivered) +
         " were delivered and " + std::to_string(refused) + " refused: the rest is missing");
  }
  uint64_t seen = 0;
  for (const SentMessage& sent : messages_) seen += sent.fate == Fate::kDelivered ? 1 : 0;
  if (seen > delivered - dropped) fail("clients received more messages than the shards count");
  uint64_t taken = 0;
  uint64_t sessions = 0;
  for (const Connection& connection : connections_) {
    taken += connection.taken_over ? 1 : 0;
    sessions += connection.session != 0 ? 1 : 0;
  }
  if (taken != takeovers || sessions != opened) fail("the shards count other takeovers or sessions than they noted");
}

}  // namespace onehop::sim
