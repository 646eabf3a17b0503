// Presence as clients see it: frames to send, and what a watcher makes of those it reads.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "confirmed.h"
#include "fake_host.h"
#include "frames.h"

namespace onehop::core::test {

// A Connect of a client that may watch.
inline v1::Frame watcher_frame(const std::string& name, uint32_t expiry_ms = 0) {
  v1::Frame frame = connect_frame(name);
  frame.mutable_connect()->set_features(kFeaturePresence);
  frame.mutable_connect()->set_session_expiry_ms(expiry_ms);
  return frame;
}

inline v1::Frame watch_name(const std::string& name, uint64_t ref = 1) {
  v1::Frame frame;
  frame.mutable_watch()->set_name(name);
  frame.mutable_watch()->set_ref(ref);
  return frame;
}

inline v1::Frame watch_prefix(const std::string& prefix, uint64_t ref = 1) {
  v1::Frame frame;
  frame.mutable_watch()->set_prefix(prefix);
  frame.mutable_watch()->set_ref(ref);
  return frame;
}

inline v1::Frame stop_watch(uint64_t ref = 1) {
  v1::Frame frame;
  frame.mutable_watch()->set_stop(true);
  frame.mutable_watch()->set_ref(ref);
  return frame;
}

// What the frames of one watch say, as docs/wire.md tells clients to read them.
class Picture {
 public:
  explicit Picture(uint64_t ref = 1) : ref_(ref) {}

  // Returns how many frames were of this watch.
  int take(const std::vector<v1::Frame>& frames) {
    int count = 0;
    for (const v1::Frame& frame : frames) {
      if (frame.has_presence() && frame.presence().ref() == ref_) {
        take(frame.presence());
        ++count;
      }
    }
    return count;
  }
  void take(const v1::Presence& presence) {
    if (presence.restarted()) {
      ++restarts;
      complete = false;
      there.clear();
    }
    for (const v1::Change& change : presence.changes()) {
      ++changes;
      last[change.name()] = change;
      if (change.state() == v1::PRESENCE_STATE_DOWN) {
        there.erase(change.name());
      } else {
        there[change.name()] = change;
      }
    }
    complete |= presence.complete();
    reason = presence.reason();
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, change] : there) all.push_back(name);
    return all;
  }

  bool complete = false;
  int restarts = 0;
  int changes = 0;
  v1::Reason reason = v1::REASON_UNSPECIFIED;
  std::map<std::string, v1::Change> there;  // UP or AWAY.
  std::map<std::string, v1::Change> last;   // DOWN too, and from before a restart.

 private:
  uint64_t ref_;
};

}  // namespace onehop::core::test
