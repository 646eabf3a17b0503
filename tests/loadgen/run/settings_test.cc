// Tests which settings exclude each other, and the texts that stand for several values.
#include "loadgen/run/settings.h"

#include <gtest/gtest.h>

#include <functional>

namespace onehop::loadgen {
namespace {

TEST(SettingsTest, TheDefaultsAreFine) {
  EXPECT_EQ(what_is_wrong_with({}, false), "");
}

TEST(SettingsTest, WhatCannotBeTogetherNamesItsFlag) {
  std::string error;
  const Threshold slo = *Threshold::parse("p99<5ms", error);
  const std::pair<const char*, std::function<void(Settings&)>> cases[] = {
      {"--duration", [](Settings& s) { s.duration_ns = 0; }},
      {"--warmup", [](Settings& s) { s.warm_up_ns = s.duration_ns; }},
      {"--clients", [](Settings& s) { s.clients = 3; }},
      {"--clients", [](Settings& s) { s.workload = Workload::kRandom, s.clients = 1; }},
      {"--recipients", [](Settings& s) { s.workload = Workload::kFanIn, s.recipients = s.clients; }},
      {"--recipients", [](Settings& s) { s.workload = Workload::kFanIn, s.recipients = 0; }},
      {"--threads", [](Settings& s) { s.clients = 6, s.threads = 4; }},
      {"--duration", [](Settings& s) { s.workload = Workload::kStorm, s.clients = 10'001; }},
      {"--slow-rate", [](Settings& s) { s.slow_part = 0.5; }},
      {"--slo", [&](Settings& s) { s.slo = {slo}; }},
      {"--find-capacity", [](Settings& s) { s.find_capacity = true; }},
      {"--find-capacity", [&](Settings& s) { s.find_capacity = true, s.slo = {slo}, s.workload = Workload::kIdle; }},
      {"--find-capacity", [&](Settings& s) { s.find_capacity = true, s.slo = {slo}, s.start_at_unix_s = 1; }},
      {"--step", [&](Settings& s) { s.find_capacity = true, s.slo = {slo}, s.step_ns = 1'000'000'000; }},
      {"--window", [](Settings& s) { s.window = 1, s.workload = Workload::kChurn; }},
      {"--window", [](Settings& s) { s.window = 1, s.workload = Workload::kStorm; }},
      {"--window", [&](Settings& s) { s.window = 1, s.find_capacity = true, s.slo = {slo}; }},
      {"--window",
       [](Settings& s) { s.window = 1, s.workload = Workload::kRandom, s.threads = 2, s.confirm = Confirm::kTaken; }},
  };
  for (const auto& [flag, change] : cases) {
    Settings settings;
    change(settings);
    EXPECT_EQ(what_is_wrong_with(settings, false).rfind(std::string(flag) + ":", 0), 0U)
        << flag << " but: " << what_is_wrong_with(settings, false);
  }
  Settings closed;
  closed.window = 4;
  EXPECT_EQ(what_is_wrong_with(closed, false), "");
  EXPECT_NE(what_is_wrong_with(closed, true), "") << "with a rate";
}

TEST(SettingsTest, Sources) {
  using List = std::vector<std::string>;
  EXPECT_EQ(parse_sources("127.0.0.1"), List{"127.0.0.1"});
  EXPECT_EQ(parse_sources("127.0.0.254-127.0.1.1,10.0.0.7"),
            (List{"127.0.0.254", "127.0.0.255", "127.0.1.0", "127.0.1.1", "10.0.0.7"}));
  EXPECT_EQ(parse_sources("255.255.255.255-255.255.255.255"), List{"255.255.255.255"});
  for (const char* wrong : {"", "127.0.0.1,", "127.0.0", "127.0.0.256", "::1", "127.0.0.2-127.0.0.1", "0.0.0.0-9.9.9.9",
                            "127.0.0.1 ", "a"}) {
    EXPECT_EQ(parse_sources(wrong), std::nullopt) << wrong;
  }
}

TEST(SettingsTest, Parts) {
  EXPECT_EQ(parse_part_of("2/3"), "2/3");
  for (const char* wrong : {"", "0/3", "4/3", "1", "1/2x", "1/0"})
    EXPECT_EQ(parse_part_of(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace onehop::loadgen
