// Presence as clients see it: frames to send, what a watcher makes of those it reads, and a world with one watcher.
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

// Clients that connect at once.
inline std::vector<FakeLink*> connect_many(FakeBroker& broker, size_t first, size_t count) {
  std::vector<FakeLink*> all;
  for (size_t i = first; i < first + count; ++i) {
    const uint64_t number = broker.links.size();
    FakeLink& link = broker.links.emplace_back();
    link.connect_deadline = broker.now + kConnectDeadlineMs;
    link.id = broker.shard().on_link({HostLink{number}, link.connect_deadline, {}}, broker.now);
    link.inbound = wire(connect_frame("device/" + std::to_string(i)));
    all.push_back(&link);
  }
  broker.settle();
  return all;
}

// Wendy watches. Her home is the last shard; those whom she watches live on all of them.
struct WatchWorld {
  explicit WatchWorld(ShardIndex shards, const Limits& limits = {})
      : broker(shards, limits),
        wendy(broker, watcher_frame(broker.name_on(static_cast<ShardIndex>(shards - 1), "wendy"), 60'000)) {}

  // Its home is one after the other of the shards.
  std::string name(size_t number, const std::string& beginning = "device/") {
    return broker.name_on(static_cast<ShardIndex>(number % broker.shards()), beginning + std::to_string(number) + "/");
  }
  void read() { picture.take(wendy.read()); }
  v1::Change last(const std::string& of) { return picture.last[of]; }
  uint64_t sum(uint64_t Counters::*counter) {
    uint64_t all = 0;
    for (ShardIndex shard = 0; shard < broker.shards(); ++shard) all += broker.counters(shard).*counter;
    return all;
  }
  void resume_wendy() {
    const v1::Connected elder = wendy.connected();
    wendy = FakeClient(broker);
    v1::Frame connect = resume_frame(elder, ++attempt);
    picture.take(wendy.connect(connect));
  }

  FakeBroker broker;
  FakeClient wendy;
  Picture picture;
  uint32_t attempt = 0;
};

}  // namespace onehop::core::test
