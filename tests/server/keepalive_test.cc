// Liveness: who is silent is asked, and who does not answer is gone.
#include <gtest/gtest.h>

#include <string>

#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

TEST(Keepalive, ASilentClientIsPingedAndThenEnded) {
  BrokerRig broker(test_options(2));
  RawClient silent(broker.address());
  RawClient other(broker.address());
  EXPECT_EQ(1'000u, silent.connect("silent", [](v1::Connect& c) { c.set_keepalive_ms(1); }).keepalive_ms());
  other.connect("other");
  const std::vector<v1::Frame> frames = silent.read_to_end();
  ASSERT_EQ(2u, frames.size());
  EXPECT_TRUE(frames[0].has_ping());
  EXPECT_EQ(v1::CODE_KEEPALIVE_TIMEOUT, frames[1].goodbye().code());
  EXPECT_EQ(RawClient::End::kOrderly, silent.end());
  other.send(message_frame("silent", 1, "gone?"));
  EXPECT_EQ(std::vector<uint64_t>{1}, refused_ids(other.read_to_pong(), v1::REASON_UNKNOWN_CLIENT));
}

TEST(Keepalive, WhoAnswersPingsStays) {
  BrokerRig broker;
  RawClient quiet(broker.address());
  quiet.connect("quiet", [](v1::Connect& c) { c.set_keepalive_ms(1'000); });
  for (int i = 0; i < 3; ++i) {
    const v1::Frame ping = quiet.read_kind(v1::Frame::kPing);
    v1::Frame pong;
    pong.mutable_pong()->set_nonce(ping.ping().nonce());
    quiet.send(pong);
  }
  EXPECT_TRUE(quiet.read_to_pong().empty());
}

TEST(Keepalive, AnyByteIsLife) {
  BrokerRig broker;
  RawClient dribbling(broker.address());
  dribbling.connect("dribbling", [](v1::Connect& c) { c.set_keepalive_ms(1'000); });
  // A message that comes byte by byte, one for each ping.
  const std::string bytes = wire(message_frame("dribbling", 1, ""));
  for (size_t i = 0; i < 3; ++i) {
    dribbling.send_bytes(bytes.substr(i, 1));
    dribbling.read_kind(v1::Frame::kPing);
  }
  dribbling.send_bytes(bytes.substr(3));
  EXPECT_EQ(1u, dribbling.read_kind(v1::Frame::kMessage).message().id());
}

TEST(Keepalive, IsClampedToTheBrokersRange) {
  BrokerRig broker;
  RawClient slow(broker.address());
  EXPECT_EQ(600'000u, slow.connect("slow", [](v1::Connect& c) { c.set_keepalive_ms(UINT32_MAX); }).keepalive_ms());
}

}  // namespace
}  // namespace onehop::test
