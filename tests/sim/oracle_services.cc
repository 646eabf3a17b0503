// ServiceOracle: see the header.
#include "sim/oracle_services.h"

#include <algorithm>

#include "sim/oracle.h"

namespace onehop::sim {
namespace {

// The oracle's refs, apart from those of topics.
constexpr uint64_t kFirstRef = uint64_t{1} << 40;
// Until all shards know of an instance, or of its end, and what was sent to it before has come and gone on.
constexpr uint64_t kLeavingUsMax = 1'000'000;
// An instance that is away for so long is not waited for; and how late that may be noticed.
constexpr uint64_t kAwayUs = core::kInstanceAwayMs * kUsPerMs;
constexpr uint64_t kMovingLateUsMax = 700'000;
constexpr uint64_t kMovingUsMax = kAwayUs + kMovingLateUsMax;
// Slower credit makes messages wait that are to move, and there is a bound to how many may wait.
constexpr uint32_t kQuickCreditUsMax = 5'000;
// What a message takes in a queue beside its frame.
constexpr uint64_t kQueuedBytesMax = 256;

}  // namespace

const std::vector<std::string>& ServiceOracle::services() {
  static const std::vector<std::string> all = {"printer", "rooms", "mail", "nobody-serves", "no such name"};
  return all;
}

// --- Who serves
// -------------------------------------------------------------------------------------------------------

uint64_t ServiceOracle::request(uint32_t connection, uint32_t service, bool subscribes) {
  const uint32_t session = oracle_.session_of(connection).index;
  requests_.push_back({session, connection, service, subscribes, oracle_.step(), oracle_.now_us()});
  std::vector<uint32_t>& known = instances_[service];
  if (subscribes && std::find(known.begin(), known.end(), session) == known.end()) known.push_back(session);
  return kFirstRef + requests_.size() - 1;
}

uint64_t ServiceOracle::subscribes(uint32_t connection, uint32_t service) {
  coverage_.add(Provoked::kServes);
  return request(connection, service, true);
}

uint64_t ServiceOracle::unsubscribes(uint32_t connection, uint32_t service) {
  coverage_.add(Provoked::kServesNoMore);
  return request(connection, service, false);
}

bool ServiceOracle::is_own(uint64_t ref) {
  return ref >= kFirstRef;
}

void ServiceOracle::answered(uint32_t connection, const v1::Subscribed& answer) {
  const uint64_t at = oracle_.step();
  const uint64_t index = answer.ref() - kFirstRef;
  if (index >= requests_.size()) return oracle_.fail(connection, "an answer about a service that it never asked for");
  Request& request = requests_[index];
  if (request.connection != connection) return oracle_.fail(connection, "the answer about a service of another one");
  if (request.answered_at != kNever) return oracle_.fail(connection, "the second answer about a service");
  request.answered_at = at;
  request.answered_us = oracle_.now_us();
  if (answer.reason() == v1::REASON_UNSPECIFIED) return;
  const bool is_busy = answer.reason() == v1::REASON_BROKER_BUSY && answer.retry_after_ms() != 0 && request.subscribes;
  if (!is_busy || !oracle_.memory_was_short_since(request.sent_us)) {
    return oracle_.fail(connection, "may not serve, for no reason");
  }
  request.refused = true;
}

void ServiceOracle::came_back(Session& session) const {
  session.was_away_since_us = session.away_since_us;
  if (session.away_since_us == kNever) return;
  if (oracle_.now_us() + kEarlySlackUs >= session.away_since_us + kAwayUs) session.long_away_at = oracle_.order();
}

bool ServiceOracle::may_serve(uint32_t session, uint32_t service, uint64_t since) const {
  return oracle_.session(session).ended_at >= since && may_have_asked(session, service, since);
}

bool ServiceOracle::may_have_asked(uint32_t session, uint32_t service, uint64_t since) const {
  bool may = false;
  for (const Request& request : requests_) {
    if (request.session != session || request.service != service || request.refused) continue;
    if (request.subscribes) {
      may = true;
    } else if (request.answered_at < since) {
      may = false;
    }
  }
  return may;
}

bool ServiceOracle::surely_serves(uint32_t session, uint32_t service, uint64_t since_us) const {
  if (oracle_.session(session).ended_at != kNever) return false;
  bool serves = false;
  for (const Request& request : requests_) {
    if (request.session != session || request.service != service || request.refused) continue;
    serves = request.subscribes && (serves || (request.answered_us != kNever && request.answered_us < since_us));
  }
  return serves;
}

bool ServiceOracle::is_quick(const Session& session) const {
  if (session.connection == kNone || session.connections.size() != 1 || session.lazy) return false;
  const Connection& connection = oracle_.connection(session.connection);
  return !connection.cut && !connection.said_goodbye && !connection.half_closed && connection.ending_since_us == kNever;
}

bool ServiceOracle::is_too_large_for(const Session& session, const SentMessage& sent) const {
  return session.wanted_frame_bytes != 0 &&
         sent.frame_bytes > std::max(session.wanted_frame_bytes, core::kFrameBytesMaxFloor);
}

// In a backlog a message takes more room than in a queue.
bool ServiceOracle::may_be_over(const Session& session, const SentMessage& sent, uint64_t room) const {
  const uint64_t queued = oracle_.queued_peak_since(session.name, sent.sent_at) * 3 / 2;
  const uint64_t with_stamp = sent.frame_bytes + kStampBytesMax;
  return queued + with_stamp > room && bytes_for(session, sent.sent_us) + with_stamp > room;
}

// At most so many bytes have waited for it since then: of all that it may have got, what was not over before.
uint64_t ServiceOracle::bytes_for(const Session& session, uint64_t since_us) const {
  uint64_t bytes = 0;
  for (uint32_t record = 0; record < oracle_.messages(); ++record) {
    const SentMessage& message = oracle_.message(record);
    if (!may_wait_for(session, message, since_us)) continue;
    bytes += message.frame_bytes + kQueuedBytesMax;
    if (bytes > oracle_.scenario_.limits.queue_bytes_max) break;
  }
  return bytes;
}

bool ServiceOracle::may_wait_for(const Session& session, const SentMessage& message, uint64_t since_us) const {
  if (message.fate == Fate::kRefused || message.unsupported) return false;
  if (message.to != kNone ? message.to != session.name : message.topic != kNone && !session.uses_topics) return false;
  if (message.service != kNone && !may_serve(session.index, message.service, message.sent_at)) return false;
  if (message.told_us < since_us) return false;
  const uint64_t due_us = message.admitted_us + message.ttl_ms * kUsPerMs + kLateUs;
  if (message.admitted_us != kNever && due_us < since_us) return false;
  if (message.fate != Fate::kDelivered) return true;
  if (message.receiver != session.index && !message.retries) return false;
  // What was read is sent again after a resume unless it was settled.
  const bool stays_read = session.connections.size() == 1 || !message.confirmed;
  return message.read_us >= since_us || !stays_read;
}

// Whether one that serves since before that time had room, and no other one was without.
bool ServiceOracle::somebody_has_room(const SentMessage& sent, uint64_t since_us) const {
  if (may_have_waited_to_move(sent)) return false;
  bool has_room = false;
  for (const uint32_t index : instances(sent.service)) {
    const Session& session = oracle_.session(index);
    if (session.ended_at != kNever || !may_serve(index, sent.service, sent.sent_at)) continue;
    if (may_be_over(session, sent, oracle_.scenario_.limits.queue_bytes_max) || is_too_large_for(session, sent))
      return false;
    has_room = has_room || surely_serves(index, sent.service, since_us);
  }
  return has_room;
}

// Whether another one that serves since before that time took everything at once.
bool ServiceOracle::another_is_available(uint32_t session, const SentMessage& sent, uint64_t since_us) const {
  if (may_have_waited_to_move(sent)) return false;
  const std::vector<uint32_t>& all = instances(sent.service);
  return std::any_of(all.begin(), all.end(), [this, session, &sent, since_us](uint32_t index) {
    const Session& other = oracle_.session(index);
    return index != session && is_quick(other) && surely_serves(index, sent.service, since_us) &&
           !may_be_over(other, sent, oracle_.scenario_.limits.low_mark()) && !is_too_large_for(other, sent);
  });
}

bool ServiceOracle::may_have_waited_to_move(const SentMessage& sent) const {
  return oracle_.memory_was_short_since(sent.sent_us) || oracle_.away_was_full_since(sent.sent_us) ||
         oracle_.scenario_.credit_delay_us_max > kQuickCreditUsMax;
}

// --- What arrives
// -----------------------------------------------------------------------------------------------------

const std::vector<Copy>& ServiceOracle::copies(uint32_t record) const {
  static const std::vector<Copy> none;
  return record < copies_.size() ? copies_[record] : none;
}

// Since the message was sent, or not long before.
bool ServiceOracle::asked_to_leave(uint32_t session, const SentMessage& sent) const {
  return std::any_of(requests_.begin(), requests_.end(), [session, &sent](const Request& request) {
    const bool leaves = request.session == session && request.service == sent.service && !request.subscribes;
    return leaves && (request.answered_us == kNever || request.answered_us + kLeavingUsMax >= sent.sent_us);
  });
}

// The same.
bool ServiceOracle::may_have_left(uint32_t session, const SentMessage& sent) const {
  const Session& there = oracle_.session(session);
  if (there.ended_at != kNever) return there.ended_us + kLeavingUsMax >= sent.sent_us;
  const bool is_long_away =
      there.away_since_us != kNever && oracle_.now_us() + kEarlySlackUs >= there.away_since_us + kAwayUs;
  return is_long_away || there.long_away_at > sent.sent_at || asked_to_leave(session, sent);
}

bool ServiceOracle::anybody_may_have_left(const SentMessage& sent, uint32_t but) const {
  const std::vector<uint32_t>& all = instances(sent.service);
  return std::any_of(all.begin(), all.end(),
                     [this, &sent, but](uint32_t index) { return index != but && may_have_left(index, sent); });
}

// Whether the session began to serve when the message surely had its instance.
bool ServiceOracle::is_late(uint32_t session, const SentMessage& sent) const {
  const auto first = std::find_if(requests_.begin(), requests_.end(), [session, &sent](const Request& request) {
    return request.session == session && request.service == sent.service && request.subscribes;
  });
  return first == requests_.end() || first->sent_us > sent.admitted_us;
}

bool ServiceOracle::may_be_moved_attempted(uint32_t session, const SentMessage& sent) const {
  if (!sent.retries) return false;
  const std::vector<uint32_t>& all = instances(sent.service);
  return std::any_of(all.begin(), all.end(), [this, session, &sent](uint32_t index) {
    const Session& other = oracle_.session(index);
    return index != session && other.ended_at != kNever && other.left_at >= sent.sent_at &&
           may_serve(index, sent.service, sent.sent_at);
  });
}

void ServiceOracle::check_copy(uint32_t number, uint32_t record, const v1::Message& message) {
  const SentMessage& sent = oracle_.message(record);
  const Session& to = oracle_.session_of(number);
  const std::string what = "got " + oracle_.describe(sent) + " to " + oracle_.where(sent);
  for (const Copy& copy : copies(record)) {
    if (!sent.confirmed) return oracle_.fail(number, what + " a second time");
    if (copy.session == to.index && copy.tag == message.delivery_tag()) return;
    if (copy.session == to.index) return oracle_.fail(number, what + " with a second tag");
    if (!sent.retries) return oracle_.fail(number, what + ", which another instance has got");
    // What was written to an instance that has ended may be read later.
    if (to.ended_at != kNever) continue;
    if (oracle_.session(copy.session).ended_at == kNever) {
      return oracle_.fail(number, what + ", although the instance that has got it is there");
    }
    if (sent.outcome == v1::OUTCOME_REPLIED && sent.told_us + kLeavingUsMax < oracle_.session(copy.session).ended_us) {
      return oracle_.fail(number, what + ", to which the first instance had replied");
    }
    if (!message.redelivered())
      return oracle_.fail(number, what + " after another instance, not marked as redelivered");
  }
  const bool is_over = sent.outcome == v1::OUTCOME_LOST || sent.outcome == v1::OUTCOME_RESPONDER_LOST;
  if (is_over && to.ended_at == kNever && oracle_.stopping_at_ == kNever)
    return oracle_.fail(number, what + ", which its sender was told to be lost");
  // While the broker drains nothing moves: who does not serve any more still gets what waited.
  if (message.redelivered() || oracle_.draining_at_ != kNever) return;
  if (!may_have_asked(to.index, sent.service, oracle_.order()))
    return oracle_.fail(number, what + ", and does not serve it");
  check_choice(number, sent);
}

// Whether it may have been this one's from the beginning, or have been moved to it.
void ServiceOracle::check_choice(uint32_t number, const SentMessage& sent) {
  const Session& to = oracle_.session_of(number);
  const std::string what = "got " + oracle_.describe(sent) + " to " + oracle_.where(sent);
  if (anybody_may_have_left(sent, to.index)) return;
  if (is_late(to.index, sent)) return oracle_.fail(number, what + ", which was another instance's, and that is there");
  const uint64_t came_us = oracle_.connection(number).opened_us;
  if (to.was_away_since_us == kNever) return;
  const uint64_t waits_since_us = std::max(to.was_away_since_us, sent.admitted_us);
  const bool has_waited = waits_since_us < came_us && came_us - waits_since_us > kMovingUsMax;
  if (has_waited && another_is_available(to.index, sent, came_us - kMovingLateUsMax))
    return oracle_.fail(number, what + ", which waited while it was away and another instance was there");
  const bool was_away = to.was_away_since_us + kLeavingUsMax / 2 < sent.sent_us && sent.admitted_us < came_us;
  if (was_away && another_is_available(to.index, sent, sent.sent_us))
    return oracle_.fail(number, what + ", sent while it was away and another instance was there");
}

void ServiceOracle::delivered(uint32_t number, uint32_t record, const v1::Message& message) {
  const SentMessage& sent = oracle_.message(record);
  const uint32_t session = oracle_.session_of(number).index;
  if (copies_.size() <= record) copies_.resize(record + 1);
  const std::vector<Copy>& before = copies_[record];
  const auto is_known = [session](const Copy& copy) { return copy.session == session; };
  if (std::any_of(before.begin(), before.end(), is_known)) return;
  coverage_.add(Provoked::kServiceDelivered);
  if (message.redelivered() && !before.empty()) coverage_.add(Provoked::kMovedAttempted);
  if (!message.redelivered() && is_late(session, sent)) coverage_.add(Provoked::kMoved);
  copies_[record].push_back({session, message.delivery_tag()});
}

// --- What became of a message
// -----------------------------------------------------------------------------------------

std::string ServiceOracle::why_refusal_illegal(const SentMessage& sent, v1::Reason reason) {
  const std::vector<uint32_t>& all = instances(sent.service);
  const auto any = [&all](auto holds) { return std::any_of(all.begin(), all.end(), holds); };
  const auto may = [this, &sent](uint32_t index) { return may_serve(index, sent.service, sent.sent_at); };
  const uint64_t room = oracle_.scenario_.limits.queue_bytes_max;
  switch (reason) {
    case v1::REASON_NOBODY_THERE:
      coverage_.add(Provoked::kNobodyThere);
      return any([this, &sent](uint32_t index) { return surely_serves(index, sent.service, sent.sent_us); })
                 ? "it had an instance all the time"
                 : "";
    case v1::REASON_QUEUE_FULL:
      coverage_.add(Provoked::kServiceFull);
      return any([&](uint32_t index) { return may(index) && may_be_over(oracle_.session(index), sent, room); })
                 ? ""
                 : "no instance was full";
    case v1::REASON_TOO_LARGE:
      return any([&](uint32_t index) { return may(index) && is_too_large_for(oracle_.session(index), sent); })
                 ? ""
                 : "no instance has such a limit";
    case v1::REASON_BROKER_BUSY:
      return oracle_.memory_was_short_since(sent.sent_us) || oracle_.away_was_full_since(sent.sent_us)
                 ? ""
                 : "there is memory: " + oracle_.what_is_held();
    default:
      return "a service never says so";
  }
}

bool ServiceOracle::may_be_attempted(const SentMessage& sent) const {
  const std::vector<uint32_t>& all = instances(sent.service);
  return std::any_of(all.begin(), all.end(), [this, &sent](uint32_t index) {
    const Session& session = oracle_.session(index);
    const bool was_there = session.connection != kNone || session.left_at >= sent.sent_at;
    return was_there && may_serve(index, sent.service, sent.sent_at);
  });
}

std::string ServiceOracle::why_not_lost(const SentMessage& sent, v1::Reason reason, bool attempted) {
  const bool going_down = oracle_.going_down();
  if (reason != v1::REASON_CONNECTION_LOST && !(going_down && reason == v1::REASON_SHUTTING_DOWN))
    return "a wrong reason";
  for (const Copy& copy : copies(oracle_.record_of(sent))) {
    const Session& session = oracle_.session(copy.session);
    if (session.ended_at == kNever && oracle_.stopping_at_ == kNever)
      return "the instance that has got it has not ended";
    const uint64_t until_us = std::min(session.ended_us, oracle_.stopping_us_);
    if (std::string why = oracle_.why_overruled(sent, until_us, false); !why.empty()) return why;
  }
  if (going_down) return {};
  bool has_ended = false;
  uint64_t first_us = kNever;
  for (const uint32_t index : instances(sent.service)) {
    const Session& session = oracle_.session(index);
    if (!may_serve(index, sent.service, sent.sent_at) && !may_have_left(index, sent)) continue;
    const bool is_there = session.ended_at == kNever;
    if (!attempted && (asked_to_leave(index, sent) || (is_there && may_have_left(index, sent)))) first_us = 0;
    if (is_there) continue;
    has_ended = has_ended || session.ended_at >= sent.sent_at;
    first_us = std::min(first_us, session.ended_us);
  }
  if (attempted ? !has_ended : first_us == kNever) return "no instance has ended";
  if (sent.admitted_us != kNever && first_us > sent.admitted_us + sent.ttl_ms * kUsPerMs + kLateUs)
    return "its ttl was over before";
  const bool moves = !attempted || sent.retries;
  const bool has_room = moves && somebody_has_room(sent, first_us == 0 ? sent.sent_us : first_us);
  return has_room ? "there was an instance that could have taken it" : "";
}

// What is not written to an instance that is away moves, so it does not wait there until its ttl is over.
std::string ServiceOracle::why_not_expired_unattempted(const SentMessage& sent, uint64_t due_us) const {
  if (due_us < sent.sent_us + kMovingUsMax || !another_is_available(kNone, sent, due_us - kMovingLateUsMax)) return {};
  for (const uint32_t index : instances(sent.service)) {
    const Session& session = oracle_.session(index);
    if (!may_serve(index, sent.service, sent.sent_at)) continue;
    if (session.ended_at != kNever && session.ended_us + kLeavingUsMax <= due_us) continue;
    const bool is_away = session.ended_at == kNever && session.connection == kNone;
    if (is_away && session.away_since_us + kMovingUsMax <= due_us) continue;
    if (!is_quick(session)) return {};
  }
  return "an instance was there all the time that could have taken it";
}

}  // namespace onehop::sim
