// TopicOracle: see the header.
#include "sim/oracle_topics.h"

#include <algorithm>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "sim/oracle.h"
#include "sim/topic_match.h"

namespace onehop::sim {
namespace {

// After a pong, until a message has reached the shards of all subscribers.
constexpr uint64_t kOnItsWayUsMax = 1'000'000;

// Worked out once for all pairs.
bool matches(uint32_t filter, uint32_t topic) {
  static const std::vector<bool> table = [] {
    std::vector<bool> all;
    for (const std::string& f : TopicOracle::filters()) {
      for (const std::string& t : TopicOracle::topics()) all.push_back(topic_matches(f, t));
    }
    return all;
  }();
  return table[filter * TopicOracle::topics().size() + topic];
}

}  // namespace

const std::vector<std::string>& TopicOracle::topics() {
  static const std::vector<std::string> all = {"rooms/1", "rooms/2", "rooms/2/quiet", "news", "rooms"};
  return all;
}

const std::vector<std::string>& TopicOracle::filters() {
  static const std::vector<std::string> all = {"rooms/1", "rooms/2", "rooms/2/quiet", "news", "rooms/+",
                                               "rooms/#", "+",       "+/+/quiet",     "#",    "nobody/sends"};
  return all;
}

TopicOracle::Recipient& TopicOracle::recipient(uint32_t session) {
  if (recipients_.size() <= session) recipients_.resize(session + 1);
  return recipients_[session];
}

uint64_t TopicOracle::request(uint32_t connection, uint32_t filter, bool subscribes, bool no_echo) {
  const uint32_t session = oracle_.session_of(connection).index;
  recipient(session).requests.push_back(static_cast<uint32_t>(requests_.size()));
  requests_.push_back({session, connection, filter, subscribes, no_echo, oracle_.step(), oracle_.now_us()});
  return requests_.size();
}

uint64_t TopicOracle::subscribes(uint32_t connection, uint32_t filter, bool no_echo) {
  coverage_.add(Provoked::kSubscribed);
  return request(connection, filter, true, no_echo);
}

uint64_t TopicOracle::unsubscribes(uint32_t connection, uint32_t filter) {
  coverage_.add(Provoked::kUnsubscribed);
  return request(connection, filter, false, false);
}

void TopicOracle::answered(uint32_t connection, const v1::Subscribed& answer) {
  const uint64_t at = oracle_.step();
  if (answer.ref() == 0 || answer.ref() > requests_.size()) {
    return oracle_.fail(connection, "an answer to a subscribe that it never sent");
  }
  Request& request = requests_[answer.ref() - 1];
  if (request.connection != connection) return oracle_.fail(connection, "the answer to a subscribe of another one");
  if (request.answered_at != kNever) return oracle_.fail(connection, "the second answer to a subscribe");
  request.answered_at = at;
  if (answer.reason() == v1::REASON_UNSPECIFIED) return;
  // Only a new filter takes memory. A subscribe to one that it has already is not refused, but which those are is not
  // known here while several are on their way.
  const bool is_busy = answer.reason() == v1::REASON_BROKER_BUSY && answer.retry_after_ms() != 0 && request.subscribes;
  if (!is_busy || !oracle_.memory_was_short_since(request.sent_us)) {
    return oracle_.fail(connection, "a subscribe was refused");
  }
  request.refused = true;
}

bool TopicOracle::may_want(uint32_t session, const SentMessage& sent) const {
  if (session >= recipients_.size()) return false;
  // By filter, as the requests come: whether it may hold.
  std::vector<bool> may(filters().size());
  std::vector<bool> echoes(filters().size());
  for (const uint32_t index : recipients_[session].requests) {
    const Request& request = requests_[index];
    if (request.refused || !matches(request.filter, sent.topic)) continue;
    if (request.subscribes) {
      may[request.filter] = true;
      if (!request.no_echo) echoes[request.filter] = true;
    } else if (request.answered_at < sent.sent_at) {
      may[request.filter] = false;
      echoes[request.filter] = false;
    }
  }
  const std::vector<bool>& counts = sent.sender == session ? echoes : may;
  return std::find(counts.begin(), counts.end(), true) != counts.end();
}

bool TopicOracle::wants(uint32_t session, const SentMessage& sent) const {
  if (session >= recipients_.size()) return false;
  std::vector<bool> wants(filters().size());
  for (const uint32_t index : recipients_[session].requests) {
    const Request& request = requests_[index];
    if (request.refused || !matches(request.filter, sent.topic)) continue;
    // Of several that were asked for with and without echo, which one holds is not looked at.
    const bool holds = request.subscribes && request.answered_at < sent.sent_at;
    if (!request.subscribes) {
      wants[request.filter] = false;
    } else if (holds) {
      wants[request.filter] = true;
    }
  }
  return sent.sender != session && std::find(wants.begin(), wants.end(), true) != wants.end();
}

bool TopicOracle::has_come(const Recipient& recipient, const SentMessage& sent) const {
  return std::any_of(recipient.got.begin(), recipient.got.end(),
                     [this, &sent](uint32_t record) { return &oracle_.message(record) == &sent; });
}

void TopicOracle::delivered(uint32_t connection, uint32_t record, uint32_t skipped) {
  const uint32_t session = oracle_.session_of(connection).index;
  const SentMessage& sent = oracle_.message(record);
  const std::string what = "got " + oracle_.describe(sent) + " to " + topics()[sent.topic];
  Recipient& to = recipient(session);
  coverage_.add(Provoked::kTopicDelivered);
  if (has_come(to, sent)) {
    // Its tag says that it is the same delivery.
    if (!sent.confirmed) oracle_.fail(connection, what + " a second time");
    return;
  }
  if (!may_want(session, sent)) return oracle_.fail(connection, what + ", which it does not want");
  const auto last = std::find_if(to.last.begin(), to.last.end(), [&sent](const Last& one) {
    return one.sender == sent.sender && one.topic == sent.topic;
  });
  if (last == to.last.end()) {
    to.last.push_back({sent.sender, sent.topic, sent.position});
  } else if (std::exchange(last->position, sent.position) >= sent.position) {
    return oracle_.fail(connection, what + " out of order");
  }
  to.got.push_back(record);
  to.skipped += skipped;
  if (skipped != 0) coverage_.add(Provoked::kSkipped);
}

std::string TopicOracle::why_somebody_is_there(const SentMessage& sent) const {
  for (uint32_t session = 0; session < recipients_.size(); ++session) {
    const Session& there = oracle_.session(session);
    if (there.ended_at == kNever && wants(session, sent)) {
      return "session " + std::to_string(there.number) + " has subscribed";
    }
  }
  return "";
}

// The sum of what the subscribers said. Each that surely has subscribed counts, and each that has surely said that it
// took the message, in time, was reached.
std::string TopicOracle::why_sum_is_wrong(const SentMessage& sent, const v1::Receipt& receipt) {
  const uint64_t due_us = sent.sent_us + sent.ttl_ms * kUsPerMs;
  uint32_t may_count = 0;
  uint32_t surely_counts = 0;
  uint32_t said_taken = 0;
  uint32_t surely_reached = 0;
  bool has_been_read = false;
  for (uint32_t index = 0; index < recipients_.size(); ++index) {
    const Session& there = oracle_.session(index);
    if (may_want(index, sent)) ++may_count;
    if (there.ended_at == kNever && wants(index, sent)) ++surely_counts;
    for (const Delivery& delivery : there.deliveries) {
      if (&oracle_.message(delivery.record) != &sent) continue;
      has_been_read = true;
      if (delivery.verdicts.empty()) continue;
      const Verdict& first = delivery.verdicts.front();
      const bool any_taken = std::any_of(delivery.verdicts.begin(), delivery.verdicts.end(),
                                         [](const Verdict& verdict) { return verdict.taken; });
      if (any_taken) ++said_taken;
      const uint64_t until_us =
          std::min({due_us - std::min(due_us, kEarlySlackUs), there.ended_us, oracle_.stopping_us()});
      const bool same = std::all_of(delivery.verdicts.begin(), delivery.verdicts.end(),
                                    [](const Verdict& verdict) { return verdict.taken; });
      if (same && first.known_us < until_us) ++surely_reached;
    }
  }
  const uint32_t reached = receipt.reached();
  const uint32_t missed = receipt.missed();
  if (reached > said_taken) return "it says that more were reached than said so";
  if (reached < surely_reached) return "it was taken by more";
  if (reached + missed > may_count) return "it counts more than have subscribed";
  if (reached + missed < surely_counts) return "it counts fewer than have subscribed";
  if (has_been_read && !receipt.attempted()) return "not attempted, and somebody has read it";
  if (reached > 1 && missed == 0) coverage_.add(Provoked::kReachedMany);
  switch (receipt.outcome()) {
    case v1::OUTCOME_DELIVERED:
      return reached != 0 && missed == 0 && receipt.reason() == v1::REASON_UNSPECIFIED ? "" : "not all took it";
    case v1::OUTCOME_PARTIAL:
      coverage_.add(Provoked::kPartial);
      return reached != 0 && missed != 0 ? "" : "it is not a part of them";
    case v1::OUTCOME_EXPIRED:
    case v1::OUTCOME_LOST:
    case v1::OUTCOME_REJECTED:
      return reached == 0 && missed != 0 ? "" : "somebody took it, or nobody missed it";
    default:
      return "not an outcome of a topic's message";
  }
}

// No session is told of more misses than there are messages that it may have missed.
void TopicOracle::check_told(uint32_t session) {
  const Session& there = oracle_.session(session);
  const Recipient& to = recipients_[session];
  uint64_t perhaps = 0;
  for (uint32_t record = 0; record < oracle_.messages(); ++record) {
    const SentMessage& sent = oracle_.message(record);
    if (sent.topic == kNone || has_come(to, sent)) continue;
    const bool too_old = sent.admitted_us != kNever && sent.admitted_us + kOnItsWayUsMax < there.opened_us;
    if (!too_old && may_want(session, sent)) ++perhaps;
  }
  if (to.skipped <= perhaps) return;
  oracle_.fail(there,
               "was told of " + std::to_string(to.skipped) + " missed messages, of at most " + std::to_string(perhaps));
}

// What a session that was there all the time did not get, it was told to have missed: at the latest with a later
// message of the same sender to the same topic.
void TopicOracle::check_complete(uint32_t session) {
  const Session& there = oracle_.session(session);
  const Recipient& to = recipients_[session];
  const bool broken =
      there.ended_at != kNever || there.connection == kNone || there.connections.size() > 1 || there.lazy;
  if (broken || oracle_.connection(there.connection).cut) return;
  uint64_t missing = 0;
  std::string first;
  for (uint32_t record = 0; record < oracle_.messages(); ++record) {
    const SentMessage& sent = oracle_.message(record);
    // Of a message without an id nobody is told that it was refused.
    if (sent.topic == kNone || !sent.settled || sent.id == 0 || sent.fate == Fate::kRefused) continue;
    // What becomes of a confirmed one its sender is told.
    if (sent.confirmed) continue;
    if (has_come(to, sent) || !wants(session, sent)) continue;
    const bool later_came = std::any_of(to.last.begin(), to.last.end(), [&sent](const Last& last) {
      return last.sender == sent.sender && last.topic == sent.topic && last.position > sent.position;
    });
    if (later_came && missing++ == 0) first = oracle_.describe(sent) + " to " + topics()[sent.topic];
  }
  if (missing <= to.skipped) return;
  oracle_.fail(there, "missed " + std::to_string(missing) + " messages of topics, and was told of " +
                          std::to_string(to.skipped) + "; the first is " + first);
}

// All that got messages of a topic got them in one order: each order is a path, and together they have no cycle.
void TopicOracle::check_one_order(uint32_t topic) {
  absl::flat_hash_map<uint32_t, std::vector<uint32_t>> after;
  absl::flat_hash_map<uint32_t, uint32_t> before;
  for (const Recipient& to : recipients_) {
    uint32_t last = kNone;
    for (const uint32_t record : to.got) {
      if (oracle_.message(record).topic != topic) continue;
      before.try_emplace(record, 0);
      if (last != kNone) {
        after[last].push_back(record);
        ++before[record];
      }
      last = record;
    }
  }
  std::vector<uint32_t> ready;
  for (const auto& [record, count] : before) {
    if (count == 0) ready.push_back(record);
  }
  size_t ordered = 0;
  for (; !ready.empty(); ++ordered) {
    const uint32_t record = ready.back();
    ready.pop_back();
    for (const uint32_t next : after[record]) {
      if (--before[next] == 0) ready.push_back(next);
    }
  }
  if (ordered != before.size()) oracle_.fail("subscribers of " + topics()[topic] + " got its messages in two orders");
}

void TopicOracle::check_at_rest() {
  for (uint32_t session = 0; session < recipients_.size() && !oracle_.failed(); ++session) {
    check_complete(session);
    check_told(session);
  }
  for (uint32_t topic = 0; topic < topics().size(); ++topic) check_one_order(topic);
}

void TopicOracle::check_skips(uint64_t counted) {
  uint64_t told = 0;
  for (const Recipient& to : recipients_) told += to.skipped;
  if (told <= counted) return;
  oracle_.fail("subscribers were told of " + std::to_string(told) + " missed messages, of " + std::to_string(counted));
}

}  // namespace onehop::sim
