// Presence over real sockets: the wall clock in it, and the hook that says who may watch whom.
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>

#include "onehop/hooks.h"
#include "server_test/broker_rig.h"
#include "server_test/hooks_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

void connect_watcher(RawClient& client, const std::string& name) {
  client.connect(name, [](v1::Connect& connect) { connect.set_features(8); });
}

v1::Frame prefix_watch(const std::string& prefix, uint64_t ref) {
  v1::Frame frame;
  frame.mutable_watch()->set_prefix(prefix);
  frame.mutable_watch()->set_ref(ref);
  return frame;
}

uint64_t wall_clock_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

TEST(WatchedBroker, SaysSinceWhenByTheWallClock) {
  BrokerRig broker(test_options(2));
  RawClient wendy(broker.address());
  connect_watcher(wendy, "wendy");
  wendy.send(prefix_watch("device-", 1));
  EXPECT_TRUE(wendy.read_kind(v1::Frame::kPresence).presence().complete());
  const uint64_t before_ms = wall_clock_ms();
  std::map<std::string, uint64_t> sessions;
  for (int i = 0; i < 4; ++i) {
    RawClient device(broker.address());
    const std::string name = "device-" + std::to_string(i);
    sessions[name] = device.connect(name).session();
    const v1::Change up = wendy.read_kind(v1::Frame::kPresence).presence().changes(0);
    EXPECT_EQ(up.name(), name);
    EXPECT_EQ(up.state(), v1::PRESENCE_STATE_UP);
    EXPECT_EQ(up.session(), sessions[name]);
    EXPECT_GE(up.since_unix_ms() + 200, before_ms);
    EXPECT_LE(up.since_unix_ms(), wall_clock_ms() + 200);
    device.say_goodbye();
    const v1::Change down = wendy.read_kind(v1::Frame::kPresence).presence().changes(0);
    EXPECT_EQ(down.state(), v1::PRESENCE_STATE_DOWN);
    EXPECT_EQ(down.session(), sessions[name]);
    EXPECT_EQ(down.reason(), v1::REASON_UNSPECIFIED);
    EXPECT_GE(down.since_unix_ms() + 200, before_ms);
  }
}

TEST(WatchedBroker, AsksWhoMayWatch) {
  Handed<std::string> asked;
  Hooks hooks;
  hooks.authorize = [&asked](const Access& access, const AuthorizeAnswer& answer) {
    if (access.action != Action::kWatch) return answer.allow();
    asked.put(std::string(to_string(access.action)) + " " + std::string(access.target) + " by " +
              std::string(access.name));
    access.target == "secret-*" ? answer.deny() : answer.allow();
  };
  BrokerRig broker(hooked(hooks));
  RawClient wendy(broker.address());
  connect_watcher(wendy, "wendy");
  wendy.send(prefix_watch("secret-", 1));
  const v1::Presence refused = wendy.read_kind(v1::Frame::kPresence).presence();
  EXPECT_EQ(refused.ref(), 1u);
  EXPECT_EQ(refused.reason(), v1::REASON_NOT_AUTHORIZED);
  EXPECT_EQ(asked.take(), "watch secret-* by wendy");
  wendy.send(prefix_watch("", 2));
  v1::Presence all = wendy.read_kind(v1::Frame::kPresence).presence();
  EXPECT_EQ(asked.take(), "watch * by wendy");
  bool is_there = false;
  for (;; all = wendy.read_kind(v1::Frame::kPresence).presence()) {
    for (const v1::Change& change : all.changes()) is_there |= change.name() == "wendy";
    if (all.complete()) break;
  }
  EXPECT_TRUE(is_there);
}

}  // namespace
}  // namespace onehop::test
