// Throttle: how long an address waits, and that nobody else does.
#include "identity/throttle.h"

#include <gtest/gtest.h>

#include <string>

namespace onehop::identity {
namespace {

constexpr uint64_t kStartMs = 1'000'000;

Throttle::Source source(const std::string& peer) {
  return Throttle::source_of(peer).value();
}

TEST(Throttle, SourcesArePrefixes) {
  EXPECT_EQ(source("tcp://10.0.0.1:5"), source("tcp://10.0.0.1:6"));
  EXPECT_NE(source("tcp://10.0.0.1:5"), source("tcp://10.0.0.2:5"));
  EXPECT_EQ(source("tcp://[::ffff:10.0.0.1]:5"), source("tcp://10.0.0.1:5"));
  EXPECT_EQ(source("tls://[2001:db8::1]:5"), source("tcp://[2001:db8::ffff:1]:6"));
  EXPECT_NE(source("tcp://[2001:db8:0:1::1]:5"), source("tcp://[2001:db8::1]:5"));
  for (const char* peer : {"", "local", "unix:///run/x.sock", "tcp://", "tcp://name:5", "tcp://[::1", ":", "://:"}) {
    EXPECT_FALSE(Throttle::source_of(peer)) << peer;
  }
}

TEST(Throttle, AfterABurstOneAtATime) {
  Throttle throttle;
  const auto mallory = source("tcp://10.0.0.1:5"), alice = source("tcp://10.0.0.2:5");
  for (uint64_t i = 0; i < Throttle::kBurst; ++i) {
    EXPECT_EQ(throttle.wait_ms(mallory, kStartMs), 0U) << i;
    throttle.failed(mallory, kStartMs);
  }
  EXPECT_EQ(throttle.wait_ms(mallory, kStartMs), Throttle::kEachMs);
  EXPECT_EQ(throttle.wait_ms(alice, kStartMs), 0U);
  EXPECT_EQ(throttle.wait_ms(mallory, kStartMs + Throttle::kEachMs - 1), 1U);
  EXPECT_EQ(throttle.wait_ms(mallory, kStartMs + Throttle::kEachMs), 0U);
  throttle.failed(mallory, kStartMs + Throttle::kEachMs);
  EXPECT_EQ(throttle.wait_ms(mallory, kStartMs + Throttle::kEachMs), Throttle::kEachMs);
  // However many failed at once, the wait ends.
  for (int i = 0; i < 1'000; ++i) throttle.failed(mallory, kStartMs);
  EXPECT_EQ(throttle.wait_ms(mallory, kStartMs + 2 * Throttle::kEachMs), 0U);
}

TEST(Throttle, AClockThatIsSetBackLocksNobodyOut) {
  Throttle throttle;
  const auto alice = source("tcp://10.0.0.1:5");
  constexpr uint64_t kHourMs = 3'600'000;
  for (uint64_t i = 0; i < Throttle::kBurst; ++i) throttle.failed(alice, kStartMs + kHourMs);
  EXPECT_GT(throttle.wait_ms(alice, kStartMs + kHourMs), 0U);
  EXPECT_EQ(throttle.wait_ms(alice, kStartMs), 0U);
  throttle.failed(alice, kStartMs);
  EXPECT_LE(throttle.wait_ms(alice, kStartMs), Throttle::kEachMs);
}

TEST(Throttle, TableIsBoundedAndManyAddressesHarmNobody) {
  Throttle throttle;
  const auto alice = source("tcp://192.0.2.1:5");
  for (int i = 0; i < 200'000; ++i) {
    throttle.failed(source("tcp://10." + std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 255) + "." +
                           std::to_string(i & 255) + ":1"),
                    kStartMs);
  }
  EXPECT_EQ(throttle.wait_ms(alice, kStartMs), 0U);
}

}  // namespace
}  // namespace onehop::identity
