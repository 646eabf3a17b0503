// ServiceTable: against a plain model, and how it draws.
#include "core/rooms/service_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>

namespace onehop::core {
namespace {

SessionId session(uint32_t index) {
  return {index, 1};
}

uint64_t hash_of(const std::string& service) {
  return std::hash<std::string>()(service);
}

TEST(ServiceTable, IsWhatHasJoinedAndNotLeft) {
  ServiceTable table(1);
  std::map<std::string, std::set<std::pair<ShardIndex, uint32_t>>> model;
  std::map<std::pair<ShardIndex, uint32_t>, InstanceState> states;
  std::mt19937 random(7);
  for (int step = 0; step < 20'000; ++step) {
    const std::string service = "s" + std::to_string(random() % 5);
    const auto shard = static_cast<ShardIndex>(random() % 3);
    const auto index = static_cast<uint32_t>(random() % 6);
    const bool there = model[service].contains({shard, index});
    switch (random() % 3) {
      case 0:
        EXPECT_EQ(table.join(service, hash_of(service), shard, session(index)), !there);
        model[service].emplace(shard, index);
        states.try_emplace({shard, index}, InstanceState::kAvailable);
        break;
      case 1:
        EXPECT_EQ(table.leave(service, hash_of(service), shard, session(index)), there);
        model[service].erase({shard, index});
        if (table.find_instance(shard, session(index)) == nullptr) states.erase({shard, index});
        break;
      default:
        if (ServiceTable::Instance* const instance = table.find_instance(shard, session(index))) {
          states[{shard, index}] = static_cast<InstanceState>(random() % 3);
          table.set_state(*instance, states[{shard, index}]);
        }
    }
    const uint32_t number = table.find(service, hash_of(service));
    ASSERT_EQ(number == ServiceTable::kNone, model[service].empty());
    if (number == ServiceTable::kNone) continue;
    ASSERT_EQ(table.instances(number), model[service].size());
    size_t available = 0;
    for (const auto& instance : model[service]) available += states[instance] == InstanceState::kAvailable;
    ASSERT_EQ(table.available(number), available);
    const ServiceTable::Instance* const picked =
        table.pick(number, [](const ServiceTable::Instance& one) { return one.work; });
    ASSERT_TRUE(model[service].contains({picked->shard, picked->session.index}));
    if (available != 0) {
      ASSERT_EQ(picked->state, InstanceState::kAvailable);
    }
  }
}

TEST(ServiceTable, HoldsNothingWhenAllHaveLeft) {
  ServiceTable table(1);
  for (uint32_t i = 0; i < 100; ++i) table.join("work", 5, 0, session(i));
  EXPECT_GT(table.held_bytes(), 100 * sizeof(ServiceTable::Instance));
  for (uint32_t i = 0; i < 100; ++i) table.leave("work", 5, 0, session(i));
  EXPECT_EQ(table.held_bytes(), 0u);
  EXPECT_TRUE(table.empty());
}

TEST(ServiceTable, TheLessLoadedOfTwoIsPicked) {
  ServiceTable table(1);
  for (uint32_t i = 0; i < 2; ++i) table.join("work", 5, 0, session(i));
  table.find_instance(0, session(0))->work = 1;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(table.pick(table.find("work", 5), [](const auto& one) { return one.work; })->session.index, 1u);
  }
}

TEST(ServiceTable, TiesAreDrawn) {
  ServiceTable table(1);
  for (uint32_t i = 0; i < 10; ++i) table.join("work", 5, 0, session(i));
  std::map<uint32_t, int> picked;
  for (int i = 0; i < 10'000; ++i)
    ++picked[table.pick(table.find("work", 5), [](const auto&) { return 0; })->session.index];
  ASSERT_EQ(picked.size(), 10u);
  for (const auto& [index, count] : picked) EXPECT_NEAR(count, 1'000, 200) << index;
}

TEST(ServiceTable, AnotherNameWithTheSameHashIsNotFound) {
  ServiceTable table(1);
  table.join("work", 5, 0, session(0));
  EXPECT_EQ(table.find("play", 5), ServiceTable::kNone);
}

}  // namespace
}  // namespace onehop::core
