// What one session is to be told about the presence of others. It waits here, not yet encoded, until the connection has
// taken what was encoded before. Changes of one name for one watch are merged to the latest.
//
// Invariants: changes are added only as long as it holds less than about kBytesMax bytes. What is told of one watch
// keeps its order, but that a merged change keeps the place of the first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/container/flat_hash_set.h>

#include "core/base/bytes.h"
#include "core/base/instant.h"
#include "core/wire/output_queue.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

// The state of one client.
struct PresenceChange {
  Bytes name;
  uint64_t name_hash = 0;
  v1::PresenceState state = v1::PRESENCE_STATE_UNSPECIFIED;
  v1::Reason reason = v1::REASON_UNSPECIFIED;  // DOWN: why.
  uint64_t session = 0;
  uint64_t since_unix_ms = 0;
  Instant heard{};  // UP and AWAY: when it was last heard, as far as that is known.
};

class PresenceFeed {
 public:
  static constexpr size_t kBytesMax = 64 << 10;

  PresenceFeed() : places_(0, Hash{&entries_}, Equal{this}) {}
  PresenceFeed(const PresenceFeed&) = delete;
  PresenceFeed& operator=(const PresenceFeed&) = delete;

  bool empty() const { return entries_.empty(); }
  // How many names wait.
  size_t names() const { return places_.size(); }
  // A change that the watch `ref` is to be told. False: there is no room for it, and nothing has changed.
  bool add(uint64_t ref, const PresenceChange& change);
  // A snapshot of this watch begins here anew, or ends here.
  void add_restarted(uint64_t ref) { entries_.push_back(marker(ref, Kind::kRestarted)); }
  void add_complete(uint64_t ref) { entries_.push_back(marker(ref, Kind::kComplete)); }
  // Forgets what this watch was to be told.
  void drop(uint64_t ref);
  void clear();
  // About what it takes beside itself.
  size_t held_bytes() const;

  // Encodes all of it behind what the queue holds. Returns the bytes queued. `frame` is scratch.
  size_t encode(OutputQueue& queue, SegmentPool& pool, v1::Frame& frame, Instant now);

 private:
  enum class Kind : uint8_t { kChange, kRestarted, kComplete };
  struct Entry {
    uint64_t ref;
    uint64_t name_hash;
    uint64_t session;
    uint64_t since_unix_ms;
    Instant heard;
    uint32_t name_offset;  // In `names_`.
    uint8_t name_size;
    Kind kind;
    uint8_t state;
    uint8_t reason;
  };
  struct Key {
    uint64_t ref;
    uint64_t name_hash;
    Bytes name;
  };
  static uint64_t mix(uint64_t ref, uint64_t name_hash) { return name_hash ^ (ref * 0x9E3779B97F4A7C15); }
  struct Hash {
    using is_transparent = void;
    const std::vector<Entry>* entries;
    size_t operator()(const Key& key) const { return mix(key.ref, key.name_hash); }
    size_t operator()(uint32_t place) const { return mix((*entries)[place].ref, (*entries)[place].name_hash); }
  };
  struct Equal {
    using is_transparent = void;
    const PresenceFeed* feed;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t place, const Key& key) const {
      const Entry& entry = feed->entries_[place];
      return entry.ref == key.ref && feed->name_of(entry) == key.name;
    }
  };

  static Entry marker(uint64_t ref, Kind kind) { return {ref, 0, 0, 0, {}, 0, 0, kind, 0, 0}; }
  Bytes name_of(const Entry& entry) const { return Bytes(names_).substr(entry.name_offset, entry.name_size); }
  size_t fill(v1::Presence& presence, size_t first, Instant now) const;

  std::vector<Entry> entries_;
  std::string names_;
  absl::flat_hash_set<uint32_t, Hash, Equal> places_;  // Of the changes in `entries_`.
};

}  // namespace onehop::core
