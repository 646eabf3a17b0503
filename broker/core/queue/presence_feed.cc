// PresenceFeed: see the header.
#include "core/queue/presence_feed.h"

#include <algorithm>
#include <limits>

#include "core/wire/control_frames.h"

namespace onehop::core {
namespace {

// A frame ends when its changes take about this much: less than any client's own limit of frames.
constexpr size_t kPresenceFrameBytes = 8 << 10;
constexpr size_t kChangeBytesMax = 48;  // Encoded, without the name.
// Room for so many entries is kept once they are encoded.
constexpr size_t kEntriesKept = 16;

uint32_t milliseconds_since(Instant then, Instant now) {
  return static_cast<uint32_t>(std::min<uint64_t>(now - then, std::numeric_limits<uint32_t>::max()));
}

}  // namespace

bool PresenceFeed::add(uint64_t ref, const PresenceChange& change) {
  const Key key{ref, change.name_hash, change.name};
  const auto found = places_.find(key);
  if (found == places_.end()) {
    if (held_bytes() + sizeof(Entry) + change.name.size() > kBytesMax) return false;
    Entry entry = marker(ref, Kind::kChange);
    entry.name_hash = change.name_hash;
    entry.name_offset = static_cast<uint32_t>(names_.size());
    entry.name_size = static_cast<uint8_t>(change.name.size());
    names_.append(change.name);
    entries_.push_back(entry);
    places_.insert(static_cast<uint32_t>(entries_.size() - 1));
  }
  Entry& entry = found == places_.end() ? entries_.back() : entries_[*found];
  entry.session = change.session;
  entry.since_unix_ms = change.since_unix_ms;
  entry.heard = change.heard;
  entry.state = static_cast<uint8_t>(change.state);
  entry.reason = static_cast<uint8_t>(change.reason);
  return true;
}

// The names of what is dropped stay until the next encode() or clear().
void PresenceFeed::drop(uint64_t ref) {
  places_.clear();
  std::erase_if(entries_, [ref](const Entry& entry) { return entry.ref == ref; });
  if (entries_.empty()) return clear();
  for (uint32_t place = 0; place < entries_.size(); ++place) {
    if (entries_[place].kind == Kind::kChange) places_.insert(place);
  }
}

void PresenceFeed::clear() {
  const bool was_large = entries_.capacity() > kEntriesKept;
  places_.clear();
  entries_.clear();
  names_.clear();
  if (!was_large) return;
  std::vector<Entry>().swap(entries_);
  std::string().swap(names_);
  places_.rehash(0);
}

size_t PresenceFeed::held_bytes() const {
  return entries_.size() * sizeof(Entry) + names_.size() + places_.size() * 2 * sizeof(uint32_t);
}

// Frames carry changes of one watch, so those of one come together; among them the order stays.
size_t PresenceFeed::encode(OutputQueue& queue, SegmentPool& pool, v1::Frame& frame, Instant now) {
  const auto by_ref = [](const Entry& a, const Entry& b) { return a.ref < b.ref; };
  places_.clear();  // It knows the places from before.
  if (!std::is_sorted(entries_.begin(), entries_.end(), by_ref)) {
    std::stable_sort(entries_.begin(), entries_.end(), by_ref);
  }
  size_t size = 0;
  for (size_t next = 0; next < entries_.size();) {
    v1::Presence& presence = *frame.mutable_presence();
    presence.Clear();
    next = fill(presence, next, now);
    size += append_frame(queue, pool, frame);
  }
  clear();
  return size;
}

// Fills one frame, from the entry `first` on. Returns which entry is the first of the next frame.
size_t PresenceFeed::fill(v1::Presence& presence, size_t first, Instant now) const {
  const uint64_t ref = entries_[first].ref;
  presence.set_ref(ref);
  size_t bytes = 0;
  for (size_t next = first; next < entries_.size() && bytes < kPresenceFrameBytes; ++next) {
    const Entry& entry = entries_[next];
    if (entry.ref != ref || (entry.kind == Kind::kRestarted && next != first)) return next;
    if (entry.kind == Kind::kRestarted) {
      presence.set_restarted(true);
      continue;
    }
    if (entry.kind == Kind::kComplete) {
      presence.set_complete(true);
      return next + 1;
    }
    v1::Change& change = *presence.add_changes();
    change.set_name(std::string(name_of(entry)));
    change.set_state(static_cast<v1::PresenceState>(entry.state));
    change.set_session(entry.session);
    change.set_since_unix_ms(entry.since_unix_ms);
    if (entry.state != v1::PRESENCE_STATE_DOWN) change.set_last_heard_ms(milliseconds_since(entry.heard, now));
    change.set_reason(static_cast<v1::Reason>(entry.reason));
    bytes += kChangeBytesMax + entry.name_size;
    if (bytes >= kPresenceFrameBytes) return next + 1;
  }
  return entries_.size();
}

}  // namespace onehop::core
