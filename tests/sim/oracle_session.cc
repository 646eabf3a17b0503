// Oracle: sessions: who owns a name, which connection speaks for it, and what Connected says.
#include <algorithm>

#include "core/base/name.h"
#include "sim/oracle.h"

namespace onehop::sim {

void Oracle::check_name(uint32_t number, core::ShardIndex shard, core::Bytes name) {
  const Connection& connection = connections_[number];
  const uint32_t name_number = intern(name);
  const Name& owned = names_[name_number];
  if (connection.open) return fail(number, "a second session opened on its link");
  if (!connection.admitted) return fail(number, "its session opened without having been authenticated");
  if (owned.home_known && owned.home != shard) return fail(number, "opened on a shard that is not its name's home");
}

void Oracle::session_opened(uint32_t number, core::ShardIndex shard, core::Bytes name, uint64_t session_number) {
  step();
  check_name(number, shard, name);
  Connection& connection = connections_[number];
  Session& session = sessions_[connection.session];
  if (session_number == 0 || !by_number_.try_emplace(session_number, session.index).second) {
    return fail(number, "session number " + std::to_string(session_number) + " was used before");
  }
  const uint32_t name_number = intern(name);
  Name& owned = names_[name_number];
  if (owned.owner != kNone) return fail(number, "opened as " + owned.text + ", which has an owner");
  const bool was_named = connection.wanted_name != kNone && !connection.wants_made_name_back;
  if (was_named ? connection.wanted_name != name_number : !core::is_generated_name(name)) {
    return fail(number, "opened as " + owned.text + ", not under the name it asked for");
  }
  if (!core::is_valid_name(name)) return fail(number, "opened under a name that breaks the rules");
  if (connection.token_of != kNone) {
    if (owned.taken == connection.token_of || sessions_[connection.token_of].ended_at == kNever) {
      return fail(number, "showed the token of a session that lives, and was not let resume it");
    }
    coverage_.add(Provoked::kTokenTooLate);
  }
  owned.home = shard;
  owned.home_known = true;
  owned.owner = session.index;
  if (owned.taken == kNone) owned.unowned_at = order_ - 1;
  owned.taken = kNone;
  owned.owners.push_back(session.index);
  connection.open = true;
  connection.opened_at = session.opened_at = order_;
  connection.opened_us = session.opened_us = now_us_;
  session.number = session_number;
  session.name = name_number;
  session.connection = number;
  session.connections.push_back(number);
  session.expiry_ms = std::min(connection.wanted_expiry_ms, scenario_.limits.session_expiry_ms_max);
  session.wants_order = connection.wants_order;
  session.may_renew = connection.wants_renewal;
  session.uses_topics = connection.wants_topics;
  session.uses_replies = connection.wants_replies;
  session.uses_presence = connection.wants_presence;
  session.admitted_at = connection.asked_at;
  session.wanted_frame_bytes = connection.wanted_frame_bytes;
  session.receive_window = connection.wanted_window == 0
                               ? scenario_.limits.receive_window_default
                               : std::min(connection.wanted_window, scenario_.limits.receive_window_max);
  // Whatever program it is, it has received nothing of this session.
  connection.receipts_up_to = connection.settled_up_to = 0;
  connection.said.clear();
  connection.program = static_cast<uint32_t>(programs_.size());
  programs_.emplace_back();
  if (!was_named) coverage_.add(Provoked::kMadeName);
  presence_.changed(name_number, v1::PRESENCE_STATE_UP, session_number);
}

void Oracle::session_resumed(uint32_t number, core::ShardIndex shard, core::Bytes name, uint64_t session_number) {
  step();
  check_name(number, shard, name);
  if (failed()) return;
  Connection& connection = connections_[number];
  const auto found = by_number_.find(session_number);
  if (found == by_number_.end() || found->second != connection.token_of) {
    return fail(number, "resumed a session whose token it did not show");
  }
  Session& session = sessions_[found->second];
  if (names_[session.name].owner != session.index) return fail(number, "resumed a session that has ended");
  if (connection.attempt == 0 || connection.attempt <= session.attempt) {
    return fail(number, "resumed with attempt " + std::to_string(connection.attempt) + ", not above " +
                            std::to_string(session.attempt));
  }
  if (!session_of(number).messages.empty()) return fail(number, "resumed although it had sent messages");
  // An elder that is still being closed is told as well.
  connections_[session.connections.back()].displaced = true;
  if (session.connection != kNone) {
    coverage_.add(Provoked::kResumedWithElder);
  } else {
    std::erase(away_, session.index);
  }
  coverage_.add(Provoked::kResumed);
  session.attempt = connection.attempt;
  session.admitted_at = connection.asked_at;
  session.connection = number;
  session.connections.push_back(number);
  services_.came_back(session);
  session.away_since_us = kNever;
  session.expiry_ms = std::min(connection.wanted_expiry_ms, scenario_.limits.session_expiry_ms_max);
  last_end_at_[names_[session.name].home] = order_;
  connection.session = session.index;
  connection.open = connection.resumed = true;
  session.resumed_us = now_us_;
  presence_.changed(session.name, v1::PRESENCE_STATE_UP, session_number);
  connection.opened_at = order_;
  connection.opened_us = now_us_;
  // What its Connect said has been heard.
  prove_verdicts(number, 1);
  // Acks may have been lost with the elder; this much is known again.
  session.acked_at_least = session.acked_outcomes = 0;
  acknowledges_receipts(number, connection.receipts_up_to);
  for (Stream& s : session.streams) {
    s.pause_was_unblocked = false;
    s.stretches.back().may_not_be_open = s.stretches.size() > 1;
  }
}

void Oracle::session_detached(uint32_t number, core::Bytes name, uint64_t session_number, v1::Code code) {
  step();
  const Connection& connection = connections_[number];
  Session& session = sessions_[connection.session];
  if (session.number != session_number || names_[session.name].text != name || session.connection != number) {
    return fail(number, "its session was detached, though it is not its own, or has another connection");
  }
  const bool for_a_reason = connection.cut || connection.half_closed || connection.said_goodbye ||
                            connection.ended_code != v1::CODE_UNSPECIFIED;
  if (!for_a_reason) return fail(number, "its session was detached for no reason");
  if (code == v1::CODE_NORMAL && connection.said_for_good)
    return fail(number, "said goodbye for good, and was detached");
  if (session.expiry_ms == 0 || going_down()) return fail(number, "was detached, though its session ends");
  coverage_.add(Provoked::kDetached);
  session.connection = kNone;
  session.left_at = order_;
  session.away_since_us = now_us_;
  presence_.changed(session.name, v1::PRESENCE_STATE_AWAY, session_number);
  last_end_at_[names_[session.name].home] = order_;
  away_.push_back(session.index);
  watch_away(held_[names_[session.name].home].memory);
}

// Every call: nobody is away longer than it may be.
void Oracle::check_away() {
  for (const uint32_t index : away_) {
    const Session& session = sessions_[index];
    if (now_us_ > session.away_since_us + session.expiry_ms * kUsPerMs + kLateSlackUs) {
      return fail(session, "is away for longer than its expiry");
    }
  }
}

void Oracle::session_ended(uint32_t number_or_none, core::Bytes name, uint64_t session_number, v1::Code code,
                           bool taken_over) {
  step();
  const auto found = by_number_.find(session_number);
  if (found == by_number_.end()) return fail("session " + std::to_string(session_number) + " ended and never opened");
  Session& session = sessions_[found->second];
  if (number_or_none != session.connection) return fail(session, "ended, and its end was noted for another link");
  if (session.ended_at != kNever) return fail(session, "ended twice");
  Name& owned = names_[session.name];
  if (owned.text != name) return fail(session, "ended under another name");
  if (owned.owner != session.index) return fail(session, "ended without owning its name");
  const bool attached = session.connection != kNone;
  if (session.revoked && code != v1::CODE_NOT_AUTHORIZED) return fail(session, "may not stay, and ended otherwise");
  if (!taken_over && code != v1::CODE_SERVER_BUSY && !going_down() && !session.revoked) {
    if (attached && session.expiry_ms != 0 && !connections_[session.connection].said_for_good) {
      return fail(session, "ended with its connection, though it has an expiry");
    }
    if (!attached && now_us_ + kEarlySlackUs < session.away_since_us + session.expiry_ms * kUsPerMs) {
      return fail(session, "expired too early");
    }
    if (!attached) coverage_.add(Provoked::kSessionExpired);
  }
  session.ended_at = order_;
  session.ended_us = now_us_;
  presence_.changed(session.name, v1::PRESENCE_STATE_DOWN, session_number);
  session.taken_over = taken_over;
  owned.owner = kNone;
  last_end_at_[owned.home] = order_;
  if (attached) {
    Connection& connection = connections_[session.connection];
    connection.ending_since_us = std::min(connection.ending_since_us, now_us_);
    session.connection = kNone;
    session.left_at = order_;
  } else {
    if (code == v1::CODE_SERVER_BUSY && !session.ended_for_memory) coverage_.add(Provoked::kEvicted);
    std::erase(away_, session.index);
  }
  if (!taken_over) {
    owned.unowned_at = order_;
    return;
  }
  owned.taken = session.index;
  taken_names_.push_back(session.name);
  coverage_.add(attached ? Provoked::kTakeover : Provoked::kTakeoverAway);
  owned.takeovers_us.push_back(now_us_);
  const size_t count = owned.takeovers_us.size();
  const size_t allowed = core::kTakeoversPerSecond;
  if (count > allowed && now_us_ - owned.takeovers_us[count - 1 - allowed] < 1'000'000 - kEarlySlackUs) {
    fail(session, "was taken over more often than a second allows");
  }
}

void Oracle::connected(uint32_t number, const v1::Connected& connected) {
  Connection& connection = connections_[number];
  step();
  if (connection.connected_seen) return fail(number, "was told Connected twice");
  connection.connected_seen = true;
  if (!connection.open) return fail(number, "was told Connected, but no session opened");
  Session& session = session_of(number);
  const core::Limits& limits = scenario_.limits;
  const uint32_t wanted = connection.wanted_keepalive_ms;
  connection.keepalive_ms =
      wanted == 0 ? limits.keepalive_ms_default : std::clamp(wanted, limits.keepalive_ms_min, limits.keepalive_ms_max);
  connection.ordered = (connected.features() & core::kFeatureOrderedRefusals) != 0;
  if (!connection.resumed) session.connected_position = static_cast<uint32_t>(session.messages.size());
  const uint32_t expiry_ms = std::min(connection.wanted_expiry_ms, limits.session_expiry_ms_max);
  const bool right =
      connected.name() == names_[session.name].text && connected.session() == session.number &&
      connected.protocol_version() == 1 && connected.resumed() == connection.resumed &&
      connected.keepalive_ms() == connection.keepalive_ms && connected.session_expiry_ms() == expiry_ms &&
      !connected.resume_token().empty() && connected.frame_bytes_max() == limits.frame_bytes_max &&
      connected.send_window() == limits.send_window && connected.send_window_bytes() == limits.send_bytes_max() &&
      connected.ttl_ms_max() == limits.ttl_ms_max && !connected.server().empty() &&
      connected.features() ==
          ((session.wants_order ? core::kFeatureOrderedRefusals : 0) | (session.may_renew ? core::kFeatureRenewal : 0) |
           (session.uses_topics ? core::kFeatureTopics : 0) | (session.uses_presence ? core::kFeaturePresence : 0) |
           (session.uses_replies ? core::kFeatureReplies : 0)) &&
      connected.credentials_expire_in_ms() == connection.hold_ms;
  if (!right) return fail(number, "Connected states something else than what holds");
  if (connection.resumed) return take_last_id(number, connected.last_id());
  if (connected.last_id() != 0) fail(number, "Connected states the last id of a new session");
}

// What is above it has not come in, and may be sent again; what is below it has, and has its fate or will have it.
void Oracle::take_last_id(uint32_t number, uint64_t last_id) {
  Session& session = session_of(number);
  const auto above = std::partition_point(session.ids.begin(), session.ids.end(),
                                          [last_id](const IdEntry& entry) { return entry.id <= last_id; });
  if (last_id != 0 && (above == session.ids.begin() || (above - 1)->id != last_id)) {
    return fail(number, "last_id is " + std::to_string(last_id) + ", which it never sent");
  }
  for (auto entry = above; entry != session.ids.end(); ++entry) {
    SentMessage& sent = messages_[entry->record];
    if (sent.fate != Fate::kOpen || sent.outcome != v1::OUTCOME_UNSPECIFIED || sent.settled) {
      return fail(number, "last_id is " + std::to_string(last_id) + ", but " + describe(sent) + " has come in");
    }
    sent.unprocessed = true;
    if (!sent.confirmed) continue;
    --session.confirmed;
    session.open_bytes -= sent.frame_bytes;
  }
  session.ids.erase(above, session.ids.end());
}

}  // namespace onehop::sim
