// Tests what --target may be.
#include "loadgen/run/target.h"

#include <gtest/gtest.h>

namespace onehop::loadgen {
namespace {

std::string address_of(const char* text, System system) {
  std::string error;
  const auto target = parse_target(text, error);
  if (!target) return "wrong: " + error;
  EXPECT_EQ(target->system, system) << text;
  return target->address.text();
}

TEST(TargetTest, EachSystemHasItsSchemeAndPort) {
  EXPECT_EQ(address_of("onehop://127.0.0.1:7411", System::kOnehop), "tcp://127.0.0.1:7411");
  EXPECT_EQ(address_of("onehop://broker.example", System::kOnehop), "tcp://broker.example:7411");
  EXPECT_EQ(address_of("tcp://127.0.0.1:1", System::kOnehop), "tcp://127.0.0.1:1");
  EXPECT_EQ(address_of("nats://localhost", System::kNats), "tcp://localhost:4222");
  EXPECT_EQ(address_of("mqtt://localhost/", System::kMqtt), "tcp://localhost:1883");
  EXPECT_EQ(address_of("redis://[::1]", System::kRedis), "tcp://[::1]:6379");
  EXPECT_EQ(address_of("redis://[::1]:7", System::kRedis), "tcp://[::1]:7");
  EXPECT_EQ(address_of("blind://127.0.0.1:9", System::kBlind), "tcp://127.0.0.1:9");
  EXPECT_EQ(address_of("onehop+unix:///run/onehop.sock", System::kOnehop), "unix:///run/onehop.sock");
  EXPECT_EQ(address_of("unix:///run/onehop.sock", System::kOnehop), "unix:///run/onehop.sock");
}

TEST(TargetTest, WhatIsNoneIsNamed) {
  for (const char* text :
       {"", "127.0.0.1:7411", "http://x", "onehop://", "onehop://x:99999", "nats://x:0", "blind://x", "unix://"}) {
    std::string error;
    EXPECT_FALSE(parse_target(text, error)) << text;
    EXPECT_FALSE(error.empty()) << text;
  }
}

TEST(TargetTest, WhatASystemCannotTellIsRefused) {
  for (const System system : {System::kNats, System::kMqtt, System::kRedis, System::kBlind}) {
    EXPECT_THROW(make_driver(system, {.confirm = Confirm::kDelivered}), std::invalid_argument);
    EXPECT_NE(make_driver(system, {.confirm = usual_confirm(system)}), nullptr);
  }
  EXPECT_TRUE(make_driver(System::kOnehop, {.confirm = Confirm::kTaken})->tells());
}

}  // namespace
}  // namespace onehop::loadgen
