// The admin port while a shard hangs: a drain is begun all the same, for it may be the operator's answer to that.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "admin/port.h"
#include "http_client.h"
#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

TEST(AdminPortOfAHungShard, BeginsADrain) {
  std::promise<void> held, go_on;
  BrokerOptions options = test_options();
  // The shard's thread tells its events, so that it does nothing from this one on.
  options.on_event = [&](const BrokerEvent& event) {
    if (event.kind != BrokerEvent::Kind::kSessionOpened) return;
    held.set_value();
    go_on.get_future().wait();
  };
  std::string error;
  const std::unique_ptr<Broker> broker = Broker::start(options, error);
  ASSERT_NE(broker, nullptr) << error;
  admin::Actions actions;
  actions.drain = [&] { broker->drain(3'600'000); };
  const auto port = admin::Port::start({"tcp://127.0.0.1:0", {}, false, nullptr}, *broker, actions, error);
  ASSERT_NE(port, nullptr) << error;
  RawClient client(broker->addresses().front());
  client.send(connect_frame("holds-it-up"));
  held.get_future().wait();

  // Who asks shards waits for this one in vain, and for a while nobody is let wait for it again.
  EXPECT_EQ(200u, ask_once(port->address(), "GET /api/v1/counters").status);
  const unsigned status = ask_once(port->address(), "POST /api/v1/drain").status;
  EXPECT_EQ("draining\n", ask_once(port->address(), "GET /readyz").body);
  go_on.set_value();
  ASSERT_EQ(202u, status);
  EXPECT_GT(client.read_announcement().grace_ms(), 0u);
}

}  // namespace
}  // namespace onehop::test
