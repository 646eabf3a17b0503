// Options: defaults, what is wrong with them, what may not change, and that each reaches the shards.
#include "server/options.h"

#include <gtest/gtest.h>

#include "server/cgroup_limits.h"

namespace onehop::server {
namespace {

BrokerOptions good() {
  return with_defaults({});
}

TEST(Options, WithDefaultsNothingIsWrong) {
  EXPECT_EQ(wrong_with(good()), "");
  EXPECT_EQ(good().memory_bytes_max, usable_memory_bytes() / 2);
  EXPECT_GE(good().shards, 1u);
  EXPECT_LE(good().shards, usable_cores());
}

TEST(Options, WhatIsWrongNamesTheOption) {
  const auto wrong = [](auto edit) {
    BrokerOptions options = good();
    edit(options);
    const std::string text = wrong_with(options);
    return text.substr(0, text.find(':'));
  };
  EXPECT_EQ(wrong([](BrokerOptions& o) { o.listen.clear(); }), "listen");
  EXPECT_EQ(wrong([](BrokerOptions& o) { o.shards = 65; }), "shards");
  EXPECT_EQ(wrong([](BrokerOptions& o) { o.frame_bytes_max = 1; }), "frame_bytes_max");
  EXPECT_EQ(wrong([](BrokerOptions& o) { o.queue_bytes_max = 3 << 20; }), "queue_bytes_max");
  EXPECT_EQ(wrong([](BrokerOptions& o) { o.memory_bytes_max = 4 << 20; }), "memory_bytes_max");
  EXPECT_EQ(wrong([](BrokerOptions& o) { o.connection_age_ms_max = 999; }), "connection_age_ms_max");
  EXPECT_EQ(wrong([](BrokerOptions& o) { o.client_bytes_per_second = UINT64_MAX; }), "client_bytes_per_second");
  EXPECT_EQ(wrong([](BrokerOptions& o) {
              o.client_bytes_per_second = 1'000;
              o.client_bytes_burst = (1 << 20) - 1;
            }),
            "client_bytes_burst");
  EXPECT_EQ(wrong([](BrokerOptions& o) { o.client_bytes_burst = 1; }), "") << "without a rate it means nothing";
}

TEST(Options, WhatAClientWasToldOrTheProcessWasBuiltOnCannotChange) {
  const auto wrong = [](auto edit) {
    BrokerOptions next = good();
    edit(next);
    return wrong_with_change(good(), next);
  };
  EXPECT_EQ(wrong([](BrokerOptions&) {}), "");
  EXPECT_EQ(wrong([](BrokerOptions& o) { o.listen.push_back("unix:///x"); }),
            "listen: cannot change while the broker runs");
  EXPECT_EQ(wrong([](BrokerOptions& o) { o.frame_bytes_max /= 2; }),
            "frame_bytes_max: cannot change while the broker runs");
  EXPECT_EQ(wrong([](BrokerOptions& o) { ++o.send_window; }), "send_window: cannot change while the broker runs");
  EXPECT_EQ(wrong([](BrokerOptions& o) {
              o.queue_bytes_max *= 2;
              o.client_messages_per_second = 5;
              o.memory_bytes_max *= 2;
              o.connection_age_ms_max = 60'000;
              o.keepalive_ms = 5'000;
              o.address_connections_max = 3;
              o.drain_spread_ms = 1;
            }),
            "");
}

TEST(Options, EachLimitReachesTheShards) {
  BrokerOptions options = good();
  options.client_messages_per_second = 1;
  options.client_messages_burst = 2;
  options.client_bytes_per_second = 3;
  options.client_bytes_burst = 4;
  options.memory_bytes_max = 5;
  options.connection_age_ms_max = 6;
  options.ttl_ms_max = 7;
  options.start_grace_ms = 8;
  const core::Limits limits = limits_of(options);
  EXPECT_EQ(limits.messages_per_second, 1u);
  EXPECT_EQ(limits.messages_burst, 2u);
  EXPECT_EQ(limits.bytes_per_second, 3u);
  EXPECT_EQ(limits.bytes_burst, 4u);
  EXPECT_EQ(limits.memory_bytes_max, 5u);
  EXPECT_EQ(limits.connection_age_ms_max, 6u);
  EXPECT_EQ(limits.ttl_ms_max, 7u);
  EXPECT_EQ(limits.start_grace_ms, 8u);
}

}  // namespace
}  // namespace onehop::server
