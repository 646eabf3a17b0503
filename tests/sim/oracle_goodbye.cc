// Oracle: how connections end: which goodbyes are deserved, and whether deadlines are kept.
#include <algorithm>
#include <utility>

#include "sim/oracle.h"

namespace onehop::sim {
namespace {

std::string code_name(v1::Code code) {
  return "goodbye " + std::to_string(code);
}

}  // namespace

void Oracle::goodbye(uint32_t number, const v1::Goodbye& goodbye) {
  Connection& connection = connections_[number];
  step();
  if (connection.goodbye_seen) return fail(number, "was told goodbye twice");
  if (goodbye.grace_ms() != 0) return announced(connection, goodbye);
  connection.goodbye_seen = true;
  connection.goodbye_code = goodbye.code();
  const std::string why = why_goodbye_illegal(connection, goodbye);
  if (!why.empty()) fail(number, code_name(goodbye.code()) + " (" + goodbye.text() + "): " + why);
}

void Oracle::announced(Connection& connection, const v1::Goodbye& goodbye) {
  coverage_.add(Provoked::kAnnounced);
  if (std::exchange(connection.announced, true)) return fail(connection.number, "was told twice that the end is near");
  const bool right = draining_at_ != kNever && connection.open && goodbye.code() == v1::CODE_SERVER_SHUTTING_DOWN &&
                     goodbye.grace_ms() == scenario_.drain_grace_ms;
  if (!right) return fail(connection.number, "was told of an end that is not near");
  if (scenario_.drain_spread_ms != 0 && goodbye.retry_after_ms() > scenario_.drain_spread_ms) {
    fail(connection.number, "was told to come back too late");
  }
}

void Oracle::check_drained() {
  for (const Session& session : sessions_) {
    if (session.number == 0 || session.connection != kNone || session.ended_at != kNever) continue;
    fail(session, "is away, and the broker is draining");
  }
}

std::string Oracle::why_name_in_use_illegal(const Connection& connection, uint32_t retry_after_ms) {
  if (connection.wanted_name == kNone) return "it asked for no name";
  const Name& name = names_[connection.wanted_name];
  // What was damped was asked for after the second takeover, and may be read much later.
  const size_t count = name.takeovers_us.size();
  const size_t allowed = core::kTakeoversPerSecond;
  bool damped = false;
  for (size_t i = 0; i + allowed <= count; ++i) {
    const uint64_t last = name.takeovers_us[i + allowed - 1];
    if (last - name.takeovers_us[i] < 1'000'000 && last + 1'000'000 > connection.begun_us) damped = true;
  }
  if (damped && retry_after_ms != 0 && retry_after_ms <= 1001) {
    coverage_.add(Provoked::kTakeoverDamped);
    return {};
  }
  if (connection.take_over) return "it was to take it over";
  if (retry_after_ms == 0 || retry_after_ms > core::kContestMs) return "without a fit retry_after_ms";
  coverage_.add(Provoked::kNameInUse);
  // Who is away gives way.
  for (const uint32_t index : name.owners) {
    const Session& owner = sessions_[index];
    if (owner.connection != kNone || owner.left_at >= connection.connect_at) return {};
  }
  return "nobody had the name";
}

std::string Oracle::why_taken_over_illegal(const Connection& connection) {
  if (connection.open) {
    return connection.displaced || sessions_[connection.session].taken_over ? "" : "nobody took its session over";
  }
  if (connection.token_of == kNone) return "it had no token, so it was not too late";
  coverage_.add(Provoked::kAttemptTooLow);
  return connection.attempt <= sessions_[connection.token_of].attempt ? "" : "no later connection has resumed";
}

std::string Oracle::why_goodbye_illegal(Connection& connection, const v1::Goodbye& goodbye) {
  const v1::Code code = goodbye.code();
  const core::Limits& limits = scenario_.limits;
  if (connection.deserves(code)) {
    if (code == v1::CODE_QUOTA_EXCEEDED) coverage_.add(Provoked::kQuotaExceeded);
    return {};
  }
  switch (code) {
    case v1::CODE_NORMAL:
      return connection.said_goodbye || connection.half_closed ? "" : "it did not say goodbye";
    case v1::CODE_NAME_IN_USE:
      return connection.open ? "it had its name" : why_name_in_use_illegal(connection, goodbye.retry_after_ms());
    case v1::CODE_SESSION_TAKEN_OVER:
      return why_taken_over_illegal(connection);
    case v1::CODE_BAD_CREDENTIALS:
    case v1::CODE_NOT_AUTHORIZED:
      return connection.turned_down || connection.ended_code == code ? "" : "it was not refused";
    case v1::CODE_KEEPALIVE_TIMEOUT:
    case v1::CODE_CONNECT_TIMEOUT:
    case v1::CODE_SLOW_CONSUMER:
      return connection.ended_code == code ? "" : "it was ended for another reason";
    case v1::CODE_SERVER_BUSY:
      if (!connection.open && goodbye.retry_after_ms() != 0) {
        if (may_have_to_wait(connection, goodbye.retry_after_ms())) return {};
        coverage_.add(Provoked::kMemoryRefused);
        return may_refuse_for_memory(connection.begun_us) ? "" : "there is memory for its session";
      }
      if (!connection.open) {
        coverage_.add(Provoked::kTooManySessions);
        return limits.sessions_max <= scenario_.clients * 2 ? "" : "there was room for its session";
      }
      if (connection.policy_unsure && connection.ended_code == code) return {};
      return sessions_[connection.session].ended_for_memory ? "" : "nothing speaks against it";
    case v1::CODE_USE_ANOTHER_SERVER:
      return connection.ended_code == code ? "" : "it was ended for another reason";
    case v1::CODE_SERVER_SHUTTING_DOWN:
      coverage_.add(Provoked::kShuttingDown);
      return why_stop_illegal(connection);
    default:
      return "undeserved";
  }
}

// Stopping, the shards settle everything, and say so before they say goodbye.
std::string Oracle::why_stop_illegal(const Connection& connection) const {
  if (!going_down()) return "nobody stops the shards";
  // The first goodbye lets it stay.
  if (connection.open && stopping_at_ == kNever) return "it has its grace";
  if (!connection.open || connection.displaced) return {};
  for (const uint32_t record : sessions_[connection.session].messages) {
    const SentMessage& sent = messages_[record];
    if (!sent.confirmed || sent.unprocessed || sent.outcome != v1::OUTCOME_UNSPECIFIED) continue;
    if (sent.fate == Fate::kDelivered || sent.settled) return "before the outcome of " + describe(sent);
  }
  return {};
}

// What the last resume of its session cost is not paid for yet.
bool Oracle::may_have_to_wait(const Connection& connection, uint32_t retry_after_ms) {
  if (connection.token_of == kNone || sessions_[connection.token_of].resumed_us == kNever) return false;
  const core::Limits& limits = scenario_.limits;
  const uint64_t longest_ms = limits.receive_window_max / core::kResumedDeliveriesPerMs +
                              (limits.receive_window_bytes + limits.queue_bytes_max) / core::kResumedBytesPerMs;
  if (sessions_[connection.token_of].resumed_us + (core::kResumesAheadMs + longest_ms) * kUsPerMs < connection.begun_us)
    return false;
  return retry_after_ms <= longest_ms;
}

// Somebody asked for its name, and it was not heard since.
bool Oracle::lost_contest(const Connection& connection) const {
  if (!connection.open) return false;
  constexpr uint64_t kContestUs = core::kContestMs * kUsPerMs;
  const std::vector<uint64_t>& refused_us = names_[sessions_[connection.session].name].refused_us;
  return std::any_of(refused_us.begin(), refused_us.end(), [this, &connection](uint64_t at_us) {
    const bool now = at_us + kContestUs <= now_us_ + kEarlySlackUs && at_us + kContestUs + kLateSlackUs >= now_us_;
    return now && connection.last_given_us <= at_us + kEarlySlackUs;
  });
}

void Oracle::check_silence(const Connection& connection) {
  if (lost_contest(connection)) return coverage_.add(Provoked::kContestLost);
  coverage_.add(Provoked::kKeepaliveTimeout);
  const core::Limits& limits = scenario_.limits;
  const uint32_t wanted = connection.wanted_keepalive_ms;
  const uint32_t keepalive_ms =
      wanted == 0 ? limits.keepalive_ms_default : std::clamp(wanted, limits.keepalive_ms_min, limits.keepalive_ms_max);
  const uint64_t allowed_us = keepalive_ms * kUsPerMs * 3 / 2;
  if (!connection.open || now_us_ - connection.last_given_us + kEarlySlackUs < allowed_us) {
    fail(connection.number, "was ended for its silence, but was heard not long ago");
  }
  const uint64_t since_us = std::max({connection.last_given_us, connection.reading_since_us, connection.opened_us});
  if (now_us_ - since_us > allowed_us + kLateSlackUs) {
    fail(connection.number, "was ended for its silence too late");
  }
}

void Oracle::check_slow(const Connection& connection) {
  coverage_.add(Provoked::kSlowConsumer);
  const core::Limits& limits = scenario_.limits;
  if (!connection.open) return fail(connection.number, "was ended as a slow consumer before it could consume");
  // Either it does not read,
  const uint64_t blocked_us = now_us_ - connection.last_taken_us;
  const uint32_t name = sessions_[connection.session].name;
  if (blocked_us + kEarlySlackUs >= limits.slow_consumer_ms * kUsPerMs &&
      queued_peak_since(name, connection.opened_at) >= limits.high_mark()) {
    return;
  }
  // or it does not settle what fills its window. Its last verdict may still be on its way.
  const bool heard = connection.read_bytes >= connection.verdict_end;
  const uint64_t unsettled_us = now_us_ - std::max(connection.verdict_us, connection.opened_us);
  if (heard && unsettled_us + kEarlySlackUs < limits.ack_timeout_ms * kUsPerMs) {
    return fail(connection.number, "was ended as a slow consumer, but took and settled something not long ago");
  }
  coverage_.add(Provoked::kAckTimeout);
}

// Who has filled its window and settles nothing is ended in time. What it said last may have come in late.
void Oracle::check_settling(uint32_t number) {
  const Connection& connection = connections_[number];
  const Session& session = sessions_[connection.session];
  if (!connection.connected_seen || session.connection != number || connection.ending_since_us != kNever) return;
  if (programs_[connection.program].open.size() < session.receive_window) return;
  if (connection.read_bytes < connection.verdict_end) return;
  const uint64_t since_us =
      std::max({connection.opened_us, connection.heard_us, connection.last_tag_us, connection.reading_since_us});
  if (now_us_ > since_us + scenario_.limits.ack_timeout_ms * kUsPerMs + 2 * kLateSlackUs) {
    fail(number, "settles nothing, and is not ended");
  }
}

void Oracle::connection_ended(uint32_t number, v1::Code code) {
  Connection& connection = connections_[number];
  step();
  if (connection.ended_code != v1::CODE_UNSPECIFIED) return fail(number, "was ended twice");
  connection.ended_code = code;
  connection.ending_since_us = std::min(connection.ending_since_us, now_us_);
  if (code == v1::CODE_KEEPALIVE_TIMEOUT) {
    if (connection.read_bytes >= connection.misdeed_end) fail(number, "did wrong, and nobody minded");
    check_silence(connection);
  }
  if (code == v1::CODE_NAME_IN_USE && connection.wanted_name != kNone) {
    names_[connection.wanted_name].refused_us.push_back(now_us_);
  }
  if (code == v1::CODE_CONNECT_TIMEOUT) {
    coverage_.add(Provoked::kConnectTimeout);
    const uint64_t age_us = now_us_ - connection.begun_us;
    if (connection.open || age_us + kEarlySlackUs < scenario_.connect_deadline_ms * kUsPerMs) {
      fail(number, "was given no time to connect");
    }
    if (age_us > scenario_.connect_deadline_ms * kUsPerMs + kLateSlackUs) fail(number, "was given too long to connect");
  }
  if (code == v1::CODE_SLOW_CONSUMER) check_slow(connection);
  if (code == v1::CODE_NOT_AUTHORIZED && connection.open) check_not_authorized(number);
  if (code == v1::CODE_USE_ANOTHER_SERVER) {
    coverage_.add(Provoked::kAged);
    // Counted from when its Connect was heard: the answer to that may have taken its time.
    const uint64_t age_us = now_us_ - connection.begun_us;
    const uint64_t meant_us = scenario_.limits.connection_age_ms_max * kUsPerMs;
    if (!connection.open || meant_us == 0 || age_us + kEarlySlackUs < meant_us * 9 / 10) {
      fail(number, "was told to connect anew too early");
    }
    if (now_us_ - connection.opened_us > meant_us * 11 / 10 + kLateSlackUs) {
      fail(number, "was told to connect anew too late");
    }
  }
}

void Oracle::closed_at_once(uint32_t number, bool was_blocked) {
  const Connection& connection = connections_[number];
  step();
  if (!was_blocked) return fail(number, "was closed at once although its socket took what it was given");
  constexpr uint64_t kDeadlineUs = core::kClosingDeadlineMs * kUsPerMs;
  if (connection.ending_since_us == kNever || now_us_ + kEarlySlackUs < connection.ending_since_us + kDeadlineUs) {
    return fail(number, "was closed at once before the deadline of its closing");
  }
  if (now_us_ > connection.ending_since_us + kDeadlineUs + kLateSlackUs) fail(number, "was closed too late");
}

void Oracle::stream_ended(uint32_t number, bool cut, bool partial) {
  const Connection& connection = connections_[number];
  step();
  if (partial) coverage_.add(Provoked::kCutToClient);
  if (cut || connection.cut) return;
  // A large frame that had been begun went with the memory that it held, and left no place for a goodbye.
  if (connection.open && sessions_[connection.session].ended_for_memory) return;
  if (partial) return fail(number, "its stream ended within a frame");
  if (!connection.goodbye_seen && !connection.half_closed) fail(number, "its stream ended without a goodbye");
}

}  // namespace onehop::sim
