// PresenceOracle: see the header.
#include "sim/oracle_presence.h"

#include <algorithm>
#include <numeric>

#include "sim/oracle.h"

namespace onehop::sim {
namespace {

// How long a change may be on its way to those who watch.
constexpr uint64_t kTellingUsMax = 1'000'000;
// A connection is up since its Connect came, which waits for the answer about its credentials.
constexpr uint64_t kAskingMsMax = 6'000;
constexpr uint64_t kSinceSlackMs = 200;

const char* name_of(v1::PresenceState state) {
  return state == v1::PRESENCE_STATE_UP ? "UP" : state == v1::PRESENCE_STATE_AWAY ? "AWAY" : "DOWN";
}

}  // namespace

const std::vector<PresenceOracle::Pattern>& PresenceOracle::patterns() {
  static const std::vector<Pattern> all = {
      {"", true},          {"client-", true},   {"client-1", true},  {"~", true},        {"client-0", false},
      {"client-1", false}, {"client-2", false}, {"nobody-0", false}, {"client-0", true}, {"cl", true}};
  return all;
}

bool PresenceOracle::matches(uint32_t pattern, core::Bytes name) {
  const Pattern& wanted = patterns()[pattern];
  return wanted.is_prefix ? name.starts_with(wanted.text) : name == wanted.text;
}

PresenceOracle::Request PresenceOracle::request(uint32_t connection, uint32_t pattern) {
  return {pattern, connection, oracle_.connection(connection).pings.size(), oracle_.now_us()};
}

bool PresenceOracle::is_proven(const Request& request) const {
  return oracle_.connection(request.connection).pongs > request.pings;
}

uint64_t PresenceOracle::watches(uint32_t connection, uint32_t pattern) {
  coverage_.add(Provoked::kWatched);
  watches_.emplace_back();
  watches_.back().session = oracle_.session_of(connection).index;
  watches_.back().requests.push_back(request(connection, pattern));
  return watches_.size();
}

void PresenceOracle::replaces(uint32_t connection, uint64_t ref, uint32_t pattern) {
  coverage_.add(Provoked::kWatchReplaced);
  watches_[ref - 1].requests.push_back(request(connection, pattern));
}

void PresenceOracle::stops(uint32_t connection, uint64_t ref) {
  coverage_.add(Provoked::kWatchStopped);
  watches_[ref - 1].requests.push_back(request(connection, kNone));
}

std::vector<uint64_t> PresenceOracle::refs_of(uint32_t session) const {
  std::vector<uint64_t> refs;
  for (size_t i = 0; i < watches_.size(); ++i) {
    if (watches_[i].session == session && watches_[i].requests.back().pattern != kNone) refs.push_back(i + 1);
  }
  return refs;
}

void PresenceOracle::changed(uint32_t name, v1::PresenceState state, uint64_t session) {
  if (states_.size() <= name) states_.resize(name + 1);
  states_[name].push_back({state, session, oracle_.now_us()});
}

void PresenceOracle::counted(size_t shard, uint64_t restarts) {
  restarts_[shard] = restarts;
}

void PresenceOracle::told(uint32_t connection, const v1::Presence& presence) {
  oracle_.step();
  if (presence.ref() == 0 || presence.ref() > watches_.size()) {
    return oracle_.fail(connection, "was told of a watch that it never asked for");
  }
  Watch& watch = watches_[presence.ref() - 1];
  if (watch.session != oracle_.session_of(connection).index) {
    return oracle_.fail(connection, "was told what another session watches");
  }
  const Request& last = watch.requests.back();
  const bool stops = last.pattern == kNone;
  if (stops && is_proven(last)) return oracle_.fail(connection, "was told of a watch that it had stopped");
  if (presence.reason() != v1::REASON_UNSPECIFIED) {
    const bool may_be =
        presence.reason() == v1::REASON_BROKER_BUSY && oracle_.memory_was_short_since(watch.requests.front().sent_us);
    if (!may_be) return oracle_.fail(connection, "a watch was refused");
    watch.is_refused = true;
    return;
  }
  if (const std::string why = why_restart_is_wrong(watch, connection, presence); !why.empty()) {
    return oracle_.fail(connection, why);
  }
  watch.connection = connection;
  if (presence.restarted()) {
    watch.picture.clear();
    watch.is_complete = false;
  }
  for (const v1::Change& change : presence.changes()) {
    take_change(watch, connection, change);
    if (oracle_.failed()) return;
  }
  if (!presence.complete()) return;
  watch.is_complete = true;
  if (stops) watch.has_answer = true;
  coverage_.add(Provoked::kSnapshot);
}

// A snapshot begins anew on a connection that resumes the session, for what it watched before; and else only if the
// watch was replaced, or too much waited for the session.
std::string PresenceOracle::why_restart_is_wrong(const Watch& watch, uint32_t connection,
                                                 const v1::Presence& presence) const {
  const bool is_asked_here = std::any_of(watch.requests.begin(), watch.requests.end(),
                                         [connection](const Request& each) { return each.connection == connection; });
  const bool resumes = watch.connection != connection && watch.requests.front().connection != connection;
  if (resumes && !is_asked_here && !presence.restarted()) return "goes on with a snapshot from before its resume";
  if (!presence.restarted()) return {};
  const uint64_t restarts = std::accumulate(restarts_.begin(), restarts_.end(), uint64_t{0});
  if (resumes) {
    coverage_.add(Provoked::kSnapshotAfterResume);
  } else if (watch.requests.size() == 1 && restarts == 0) {
    return "a snapshot began anew for no reason";
  } else if (watch.requests.size() == 1) {
    coverage_.add(Provoked::kSnapshotAfterOverflow);
  }
  return {};
}

// Whether what is told of a name may be of what was watched since the last request that the broker has surely handled.
bool PresenceOracle::may_match(const Watch& watch, core::Bytes name) const {
  for (auto each = watch.requests.rbegin(); each != watch.requests.rend(); ++each) {
    if (each->pattern != kNone && matches(each->pattern, name)) return true;
    if (is_proven(*each)) return false;
  }
  return false;
}

bool PresenceOracle::fits(const State& state, const v1::Change& change) const {
  if (state.state != change.state() || state.session != change.session()) return false;
  const uint64_t at_ms = kUnixMsAtStart + state.at_us / kUsPerMs;
  const uint64_t earlier_ms = change.state() == v1::PRESENCE_STATE_UP ? kAskingMsMax : kSinceSlackMs;
  return change.since_unix_ms() + earlier_ms >= at_ms && change.since_unix_ms() <= at_ms + kSinceSlackMs;
}

void PresenceOracle::take_change(Watch& watch, uint32_t connection, const v1::Change& change) {
  if (!may_match(watch, change.name())) {
    return oracle_.fail(connection, "was told of " + change.name() + ", which it does not watch");
  }
  const uint32_t name = oracle_.intern(change.name());
  if (states_.size() <= name) states_.resize(name + 1);
  const std::vector<State>& states = states_[name];
  size_t& told = watch.told[name];
  const auto found = std::find_if(states.begin() + static_cast<std::ptrdiff_t>(told), states.end(),
                                  [this, &change](const State& state) { return fits(state, change); });
  if (found == states.end()) {
    return oracle_.fail(connection, "was told that " + change.name() + " is " + name_of(change.state()) +
                                        " in session " + std::to_string(change.session()) +
                                        ", which was not so, or not any more");
  }
  told = static_cast<size_t>(found - states.begin());
  const bool is_down = change.state() == v1::PRESENCE_STATE_DOWN;
  if (!is_down && change.reason() != v1::REASON_UNSPECIFIED) {
    return oracle_.fail(connection, "was told why " + change.name() + " is not down");
  }
  coverage_.add(is_down ? Provoked::kToldDown : Provoked::kToldThere);
  watch.picture.erase(name);
  if (!is_down) watch.picture.emplace(name, change);
}

void PresenceOracle::check_at_rest() {
  for (const Watch& watch : watches_) {
    if (!oracle_.failed()) check_watch(watch);
  }
}

void PresenceOracle::check_watch(const Watch& watch) {
  const Session& session = oracle_.session(watch.session);
  const bool is_there = session.ended_at == kNever && session.connection != kNone;
  const Request& last = watch.requests.back();
  if (!is_there || watch.is_refused || !is_proven(last)) return;
  const Connection& connection = oracle_.connection(session.connection);
  if (connection.cut || connection.pongs != connection.pings.size()) return;
  if (last.pattern == kNone) {
    if (last.connection == session.connection && !watch.has_answer) {
      oracle_.fail(session, "has stopped a watch, and was not answered");
    }
    return;
  }
  if (watch.connection != session.connection || !watch.is_complete) {
    return oracle_.fail(session, "watches, and has no complete snapshot");
  }
  for (uint32_t name = 0; name < oracle_.names().size() && !oracle_.failed(); ++name) {
    if (matches(last.pattern, oracle_.name(name).text)) check_name(watch, name);
  }
  coverage_.add(Provoked::kPictureChecked);
}

void PresenceOracle::check_name(const Watch& watch, uint32_t name) {
  const Name& there = oracle_.name(name);
  const std::vector<State> none;
  const std::vector<State>& states = name < states_.size() ? states_[name] : none;
  if (!states.empty() && states.back().at_us + kTellingUsMax > oracle_.now_us()) return;
  const auto found = watch.picture.find(name);
  const v1::PresenceState truth = states.empty() ? v1::PRESENCE_STATE_DOWN : states.back().state;
  const v1::PresenceState seen = found == watch.picture.end() ? v1::PRESENCE_STATE_DOWN : found->second.state();
  const bool is_right =
      truth == seen && (truth == v1::PRESENCE_STATE_DOWN || states.back().session == found->second.session());
  if (is_right) return;
  oracle_.fail(oracle_.session(watch.session),
               std::string("believes that ") + there.text + " is " + name_of(seen) + ", and it is " + name_of(truth));
}

}  // namespace onehop::sim
