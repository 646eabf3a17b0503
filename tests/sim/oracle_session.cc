// Oracle: connections and sessions: who owns a name, what Connected says, which goodbyes are legal.
#include "core/name.h"
#include "sim/oracle.h"

#include <algorithm>

namespace onehop::sim {
namespace {

constexpr uint64_t kUsPerMs = 1000;
// Deadlines are kept by a coarse wheel and a loop that may wake late; they may come late, never early.
constexpr uint64_t kEarlySlackUs = 2 * kUsPerMs;
constexpr uint64_t kLateSlackUs = 150 * kUsPerMs;

std::string code_name(v1::Code code) {
  return "goodbye " + std::to_string(code);
}

}  // namespace

void Oracle::session_opened(uint32_t number, core::ShardIndex shard, core::Bytes name, uint64_t session) {
  step();
  Connection& connection = connections_[number];
  if (connection.session != 0) return fail(number, "a second session opened on its link");
  if (!connection.admitted) return fail(number, "its session opened without having been authenticated");
  if (session == 0 || !by_session_.try_emplace(session, number).second) {
    return fail(number, "session number " + std::to_string(session) + " was used before");
  }
  const uint32_t name_number = intern(name);
  Name& owned = names_[name_number];
  if (owned.owner != kNone) return fail(number, "opened as " + owned.text + ", which has an owner");
  if (owned.home_known && owned.home != shard) return fail(number, "opened on a shard that is not its name's home");
  const bool was_named = connection.wanted_name != kNone && !connection.wants_made_name_back;
  if (was_named ? connection.wanted_name != name_number : !core::is_generated_name(name)) {
    return fail(number, "opened as " + owned.text + ", not under the name it asked for");
  }
  if (!core::is_valid_name(name)) return fail(number, "opened under a name that breaks the rules");
  owned.home = shard;
  owned.home_known = true;
  owned.owner = number;
  if (!owned.taken) owned.unowned_at = order_ - 1;
  owned.taken = false;
  owned.owners.push_back(number);
  connection.session = session;
  connection.name = name_number;
  connection.opened_at = order_;
  connection.opened_us = now_us_;
  if (!was_named) coverage_.add(Provoked::kMadeName);
}

void Oracle::session_ended(uint32_t number_or_none, core::Bytes name, uint64_t session, bool taken_over) {
  step();
  const auto found = by_session_.find(session);
  if (found == by_session_.end()) return fail("session " + std::to_string(session) + " ended and never opened");
  Connection& connection = connections_[found->second];
  if (number_or_none != kNone && connection.number != number_or_none) {
    return fail(connection.number, "its session's end was noted for another link");
  }
  if (connection.ended_at != kNever) return fail(connection.number, "its session ended twice");
  Name& owned = names_[connection.name];
  if (owned.text != name) return fail(connection.number, "its session ended under another name");
  if (owned.owner != connection.number) return fail(connection.number, "its session ended without owning its name");
  connection.ended_at = order_;
  connection.ending_since_us = std::min(connection.ending_since_us, now_us_);
  connection.taken_over = taken_over;
  owned.owner = kNone;
  last_end_at_[owned.home] = order_;
  if (!taken_over) {
    owned.unowned_at = order_;
    return;
  }
  owned.taken = true;
  taken_names_.push_back(connection.name);
  coverage_.add(Provoked::kTakeover);
  owned.takeovers_us.push_back(now_us_);
  const size_t count = owned.takeovers_us.size();
  const size_t allowed = core::kTakeoversPerSecond;
  if (count > allowed && now_us_ - owned.takeovers_us[count - 1 - allowed] < 1'000'000 - kEarlySlackUs) {
    fail(connection.number, "its name was taken over more often than a second allows");
  }
}

void Oracle::connected(uint32_t number, const v1::Connected& connected) {
  Connection& connection = connections_[number];
  step();
  if (connection.connected_seen) return fail(number, "was told Connected twice");
  connection.connected_seen = true;
  if (connection.session == 0) return fail(number, "was told Connected, but no session opened");
  const core::Limits& limits = scenario_.limits;
  const uint32_t wanted = connection.wanted_keepalive_ms;
  connection.keepalive_ms =
      wanted == 0 ? limits.keepalive_ms_default : std::clamp(wanted, limits.keepalive_ms_min, limits.keepalive_ms_max);
  connection.frame_bytes_max = std::max(connection.wanted_frame_bytes, core::kFrameBytesMaxFloor);
  connection.ordered = (connected.features() & core::kFeatureOrderedRefusals) != 0;
  connection.connected_position = static_cast<uint32_t>(connection.messages.size());
  if (connection.wanted_frame_bytes == 0) connection.frame_bytes_max = UINT32_MAX;
  const bool right = connected.name() == names_[connection.name].text && connected.session() == connection.session &&
                     connected.protocol_version() == 1 && !connected.resumed() && connected.last_id() == 0 &&
                     connected.keepalive_ms() == connection.keepalive_ms && connected.session_expiry_ms() == 0 &&
                     connected.frame_bytes_max() == limits.frame_bytes_max &&
                     connected.send_window() == limits.send_window &&
                     connected.send_window_bytes() == limits.send_window_bytes &&
                     connected.ttl_ms_max() == limits.ttl_ms_max && !connected.server().empty() &&
                     connected.features() == (connection.wants_order ? core::kFeatureOrderedRefusals : 0);
  if (!right) fail(number, "Connected states something else than what holds");
}

void Oracle::goodbye(uint32_t number, const v1::Goodbye& goodbye) {
  Connection& connection = connections_[number];
  step();
  if (connection.goodbye_seen) return fail(number, "was told goodbye twice");
  connection.goodbye_seen = true;
  connection.goodbye_code = goodbye.code();
  const std::string why = why_goodbye_illegal(connection, goodbye);
  if (!why.empty()) fail(number, code_name(goodbye.code()) + " (" + goodbye.text() + "): " + why);
}

std::string Oracle::why_name_in_use_illegal(const Connection& connection, uint32_t retry_after_ms) {
  if (connection.wanted_name == kNone) return "it asked for no name";
  const Name& name = names_[connection.wanted_name];
  if (connection.take_over) {
    const size_t count = name.takeovers_us.size();
    const size_t allowed = core::kTakeoversPerSecond;
    // What was damped was asked for after the second takeover, and may be read much later.
    bool damped = false;
    for (size_t i = 0; i + allowed <= count; ++i) {
      const uint64_t last = name.takeovers_us[i + allowed - 1];
      if (last - name.takeovers_us[i] < 1'000'000 && last + 1'000'000 > connection.begun_us) damped = true;
    }
    if (!damped) return "a takeover was allowed";
    if (retry_after_ms == 0 || retry_after_ms > 1001) return "without a fit retry_after_ms";
    coverage_.add(Provoked::kTakeoverDamped);
    return {};
  }
  coverage_.add(Provoked::kNameInUse);
  if (name.owner != kNone) return {};
  for (const uint32_t owner : name.owners) {
    if (connections_[owner].ended_at >= connection.connect_at) return {};
  }
  return "nobody had the name";
}

std::string Oracle::why_goodbye_illegal(Connection& connection, const v1::Goodbye& goodbye) {
  const v1::Code code = goodbye.code();
  const core::Limits& limits = scenario_.limits;
  const bool open = connection.session != 0;
  if (connection.deserves(code)) return {};
  switch (code) {
    case v1::CODE_NORMAL:
      return connection.said_goodbye || connection.half_closed ? "" : "it did not say goodbye";
    case v1::CODE_NAME_IN_USE:
      return open ? "it had its name" : why_name_in_use_illegal(connection, goodbye.retry_after_ms());
    case v1::CODE_SESSION_TAKEN_OVER:
      return open && connection.taken_over ? "" : "nobody took its session over";
    case v1::CODE_BAD_CREDENTIALS:
    case v1::CODE_NOT_AUTHORIZED:
      return connection.turned_down ? "" : "it was not refused";
    case v1::CODE_KEEPALIVE_TIMEOUT:
    case v1::CODE_CONNECT_TIMEOUT:
    case v1::CODE_SLOW_CONSUMER:
      return connection.ended_code == code ? "" : "it was ended for another reason";
    case v1::CODE_SERVER_BUSY:
      if (!open) {
        coverage_.add(Provoked::kTooManySessions);
        return limits.sessions_max <= scenario_.clients ? "" : "there was room for its session";
      }
      coverage_.add(Provoked::kNoRoomForGate);
      return connection.wants_order && gates_may_have_no_room(connection) ? "" : "there is room for its gates";
    case v1::CODE_SERVER_SHUTTING_DOWN:
      coverage_.add(Provoked::kShuttingDown);
      return stopping_at_ != kNever ? "" : "nobody stops the shards";
    default:
      return "undeserved";
  }
}

void Oracle::connection_ended(uint32_t number, v1::Code code) {
  Connection& connection = connections_[number];
  step();
  if (connection.ended_code != v1::CODE_UNSPECIFIED) return fail(number, "was ended twice");
  connection.ended_code = code;
  connection.ending_since_us = std::min(connection.ending_since_us, now_us_);
  const bool open = connection.session != 0;
  const core::Limits& limits = scenario_.limits;
  if (code == v1::CODE_KEEPALIVE_TIMEOUT) {
    coverage_.add(Provoked::kKeepaliveTimeout);
    const uint32_t wanted = connection.wanted_keepalive_ms;
    const uint32_t keepalive_ms = wanted == 0 ? limits.keepalive_ms_default
                                              : std::clamp(wanted, limits.keepalive_ms_min, limits.keepalive_ms_max);
    const uint64_t allowed_us = keepalive_ms * kUsPerMs * 3 / 2;
    if (!open || now_us_ - connection.last_given_us + kEarlySlackUs < allowed_us) {
      fail(number, "was ended for its silence, but was heard not long ago");
    }
    const uint64_t since_us = std::max({connection.last_given_us, connection.reading_since_us, connection.opened_us});
    if (now_us_ - since_us > allowed_us + kLateSlackUs) fail(number, "was ended for its silence too late");
  }
  if (code == v1::CODE_CONNECT_TIMEOUT) {
    coverage_.add(Provoked::kConnectTimeout);
    const uint64_t age_us = now_us_ - connection.begun_us;
    if (open || age_us + kEarlySlackUs < scenario_.connect_deadline_ms * kUsPerMs) {
      fail(number, "was given no time to connect");
    }
    if (age_us > scenario_.connect_deadline_ms * kUsPerMs + kLateSlackUs) fail(number, "was given too long to connect");
  }
  if (code == v1::CODE_SLOW_CONSUMER) {
    coverage_.add(Provoked::kSlowConsumer);
    const uint64_t blocked_us = now_us_ - connection.last_taken_us;
    if (!open || blocked_us + kEarlySlackUs < limits.slow_consumer_ms * kUsPerMs) {
      fail(number, "was ended as a slow consumer, but took bytes not long ago");
    }
    if (queued_peak_since(connection.name, connection.opened_at) < limits.high_mark()) {
      fail(number, "was ended as a slow consumer, but its queue was short");
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

bool Oracle::gates_may_have_no_room(const Connection& sender) const {
  const uint32_t room = scenario_.limits.senders_max;
  if (sender.streams.size() > room) return true;
  for (const Stream& stream : sender.streams) {
    uint32_t senders = 0;
    for (const Connection& other : connections_) {
      if (!other.wants_order) continue;
      for (const Stream& s : other.streams) senders += s.name == stream.name ? 1 : 0;
    }
    if (senders > room) return true;
  }
  return false;
}

void Oracle::stream_ended(uint32_t number, bool cut, bool partial) {
  const Connection& connection = connections_[number];
  step();
  if (partial) coverage_.add(Provoked::kCutToClient);
  if (cut || connection.cut) return;
  if (partial) return fail(number, "its stream ended within a frame");
  if (!connection.goodbye_seen && !connection.half_closed) fail(number, "its stream ended without a goodbye");
}

}  // namespace onehop::sim
