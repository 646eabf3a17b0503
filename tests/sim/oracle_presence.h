// What the oracle knows of presence: which states each name has had, who watches whom, and the picture that each
// watcher has made itself of what it read.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "onehop/v1/onehop.pb.h"
#include "sim/coverage.h"
#include "sim/oracle_records.h"

namespace onehop::sim {

class Oracle;

class PresenceOracle {
 public:
  // What the wall clock of the hosts says when a run begins.
  static constexpr uint64_t kUnixMsAtStart = 1'600'000'000'000;

  struct Pattern {
    std::string text;
    bool is_prefix;
  };

  PresenceOracle(Oracle& oracle, Coverage& coverage) : oracle_(oracle), coverage_(coverage) {}

  // What there is to watch.
  static const std::vector<Pattern>& patterns();

  // A client watches, anew or instead of what it watched under this ref, or stops; the ref that it is to say.
  uint64_t watches(uint32_t connection, uint32_t pattern);
  void replaces(uint32_t connection, uint64_t ref, uint32_t pattern);
  void stops(uint32_t connection, uint64_t ref);
  // The refs of what the session watches and has not stopped.
  std::vector<uint64_t> refs_of(uint32_t session) const;
  // A client reads.
  void told(uint32_t connection, const v1::Presence& presence);

  // The shards note a change.
  void changed(uint32_t name, v1::PresenceState state, uint64_t session);
  // So often the shards have given up what waited for a watcher.
  void counted(size_t shard, uint64_t restarts);
  // Everything has come to rest.
  void check_at_rest();

 private:
  struct Request {
    uint32_t pattern;  // kNone: it stops.
    uint32_t connection;
    size_t pings;  // Sent before it.
    uint64_t sent_us;
  };
  // What a name was.
  struct State {
    v1::PresenceState state;
    uint64_t session;
    uint64_t at_us;
  };
  struct Watch {
    uint32_t session;
    std::vector<Request> requests;
    std::map<uint32_t, v1::Change> picture;  // By name; UP or AWAY.
    std::map<uint32_t, size_t> told;         // By name: which of its states.
    uint32_t connection = kNone;             // Of the last frame.
    bool is_complete = false;
    bool is_refused = false;
    bool has_answer = false;  // A complete came after it was stopped.
  };

  Request request(uint32_t connection, uint32_t pattern);
  // Whether the broker has surely handled it.
  bool is_proven(const Request& request) const;
  static bool matches(uint32_t pattern, core::Bytes name);
  bool may_match(const Watch& watch, core::Bytes name) const;
  void take_change(Watch& watch, uint32_t connection, const v1::Change& change);
  std::string why_restart_is_wrong(const Watch& watch, uint32_t connection, const v1::Presence& presence) const;
  bool fits(const State& state, const v1::Change& change) const;
  void check_watch(const Watch& watch);
  void check_name(const Watch& watch, uint32_t name);

  Oracle& oracle_;
  Coverage& coverage_;
  std::vector<Watch> watches_;              // By ref, from 1.
  std::vector<std::vector<State>> states_;  // By name, in their order.
  std::array<uint64_t, 64> restarts_{};     // By shard.
};

}  // namespace onehop::sim
