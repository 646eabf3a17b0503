// The engine against a small model of the broker with sessions (session_model.h): confirmed and unconfirmed messages to
// several destinations, connections cut anywhere, brokers replaced. Seeded; a failure prints its seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "session_model.h"

namespace onehop::client {
namespace {

const std::vector<std::string> kNames = {"bob0", "bob1", "bob2", "bob3"};
constexpr uint64_t kSeeds = 300;
constexpr int kMessages = 300;

struct Faults {
  bool cuts = false;
  bool replaced = false;
  // How long messages may wait for their recipients: each takes one of these.
  std::vector<uint32_t> patience_ms = {kUnknownPatienceMs};
};

// One life of an engine: sends numbered messages until all have their outcome.
class World {
 public:
  struct Sent {
    std::string to;
    std::string payload;
    Confirm confirm;
    uint32_t patience_ms;
  };

  World(uint64_t seed, ClientOptions options, Faults faults)
      : model(seed + 1, kNames), random_(seed), faults_(faults), engine_(Rig::named(std::move(options)), events, seed) {
    engine_.start(now_);
  }

  void run() {
    for (int step = 0; sent.size() < kMessages || engine_.unsettled() != 0; ++step) {
      ASSERT_LT(step, 200'000) << "it does not come to an end";
      if (engine_.link() == Link::kWanted && link_ != engine_.link_number()) {
        link_ = engine_.link_number();
        model.cut();
        engine_.on_link_up(now_);
      }
      if (random_.one_in(2)) send_some();
      write_some();
      model.step();
      engine_.on_bytes(model.take_output(), now_);
      if (faults_.cuts && cuts < 30 && random_.one_in(40)) cut();
      now_ += random_.below(3);
      engine_.on_tick(now_);
    }
    model.empty_queues();
  }

  Recorder events;
  SessionModel model;
  // By ticket.
  std::map<uint64_t, Sent> sent;
  int cuts = 0;

 private:
  void send_some() {
    for (uint64_t left = random_.below(20); left != 0 && sent.size() < kMessages; --left) {
      const std::string to = kNames[random_.below(kNames.size())];
      std::string payload = to + "/" + std::to_string(sent.size()) + "/";
      payload += std::string(random_.below(60), 'x');
      const Confirm confirm = random_.one_in(4) ? Confirm::kRefusals : Confirm::kDelivered;
      uint64_t ticket = 0;
      const SendOptions options{.confirm = confirm,
                                .unknown_patience_ms = faults_.patience_ms[random_.below(faults_.patience_ms.size())]};
      const SendStatus status = random_.one_in(4) ? engine_.send_encoded(ClientEngine::encode(to, payload, options),
                                                                         options.unknown_patience_ms, &ticket)
                                                  : engine_.send(to, payload, options, &ticket);
      if (status == SendStatus::kAccepted) sent[ticket] = {to, payload, confirm, options.unknown_patience_ms};
    }
  }

  void write_some() {
    std::array<std::string_view, 3> pieces;
    const size_t count = engine_.output(pieces, now_);
    std::string bytes;
    for (size_t i = 0; i < count; ++i) bytes += pieces[i];
    const size_t size = std::min<size_t>(bytes.size(), random_.below(400));
    model.receive(std::string_view(bytes).substr(0, size));
    if (size != 0) engine_.on_written(size, now_);
  }

  void cut() {
    ++cuts;
    if (faults_.replaced && random_.one_in(3)) {
      model.replace();
    } else {
      model.cut();
    }
    engine_.on_link_down("cut", now_);
  }

  Random random_;
  const Faults faults_;
  uint64_t now_ = 1'000;
  ClientEngine engine_;
  uint64_t link_ = 0;
};

ClientOptions tight(bool repeat_unknown = false) {
  return {.backoff_ms_min = 1,
          .backoff_ms_max = 20,
          .repeat_unknown = repeat_unknown,
          .in_flight_messages_max = 40,
          .unsent_bytes_max = 1'000,
          .waiting_bytes_max = 2'000};
}

bool has_no_recipient(const SendResult& result) {
  return result.outcome == Outcome::kRejected && result.reason == Reason::kUnknownClient;
}

// Each has one outcome, and a confirmed one that which the broker decided.
std::map<uint64_t, SendResult> outcomes_of(World& world) {
  std::map<uint64_t, SendResult> outcomes;
  for (const SendResult& result : world.events.results) {
    EXPECT_TRUE(outcomes.emplace(result.ticket, result).second) << "told twice: " << result.ticket;
  }
  EXPECT_EQ(outcomes.size(), world.sent.size());
  for (const auto& [ticket, result] : outcomes) {
    const World::Sent& sent = world.sent.at(ticket);
    if (result.outcome == Outcome::kUnknown) continue;
    if (has_no_recipient(result)) {
      EXPECT_GT(world.model.unknown, 0);
      EXPECT_FALSE(world.model.decided().contains(sent.payload)) << sent.payload;
      continue;
    }
    if (sent.confirm == Confirm::kRefusals) {
      EXPECT_EQ(result.outcome, Outcome::kAdmitted) << sent.payload;
      continue;
    }
    const auto decided = world.model.decided().find(sent.payload);
    if (decided == world.model.decided().end()) {
      ADD_FAILURE() << "nobody decided about " << sent.payload;
      continue;
    }
    const Outcome expected = decided->second == v1::OUTCOME_DELIVERED  ? Outcome::kDelivered
                             : decided->second == v1::OUTCOME_REJECTED ? Outcome::kRejected
                                                                       : Outcome::kExpired;
    EXPECT_EQ(result.outcome, expected) << sent.payload;
  }
  return outcomes;
}

// Whether it need not have arrived. What was admitted goes down with a broker that is replaced.
bool may_be_missing(const SendResult& result, bool replaced) {
  return result.outcome == Outcome::kUnknown || has_no_recipient(result) ||
         (result.outcome == Outcome::kExpired && !result.attempted) ||
         (replaced && result.outcome == Outcome::kAdmitted);
}

// What arrived is what was sent, in order and once, but for what may be missing.
void expect_once_in_order(World& world, const std::map<uint64_t, SendResult>& outcomes, bool replaced = false) {
  std::map<std::string, size_t> next;
  for (const auto& [ticket, sent] : world.sent) {
    const std::vector<std::string>& arrived = world.model.arrived(sent.to);
    size_t& at = next[sent.to];
    if (at < arrived.size() && arrived[at] == sent.payload) {
      ++at;
    } else {
      EXPECT_TRUE(may_be_missing(outcomes.at(ticket), replaced)) << sent.payload;
    }
  }
  for (const std::string& name : kNames) EXPECT_EQ(next[name], world.model.arrived(name).size()) << name;
}

TEST(EngineSessionModel, EachMessageArrivesOnceInOrderAndHasTheOutcomeThatWasDecided) {
  int refused = 0;
  int window_full = 0;
  for (uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, tight(), {});
    world.run();
    const auto outcomes = outcomes_of(world);
    for (const auto& [ticket, result] : outcomes) EXPECT_NE(result.outcome, Outcome::kUnknown);
    expect_once_in_order(world, outcomes);
    refused += world.model.refused;
    window_full += world.model.window_full;
  }
  EXPECT_GT(refused, 1'000);
  EXPECT_GT(window_full, 1'000);
}

TEST(EngineSessionModel, BrokenConnectionsAreNotNoticed) {
  int resumes = 0;
  int told_again = 0;
  for (uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, tight(), {.cuts = true});
    world.run();
    const auto outcomes = outcomes_of(world);
    for (const auto& [ticket, result] : outcomes) {
      EXPECT_TRUE(result.outcome != Outcome::kUnknown || world.sent.at(ticket).confirm == Confirm::kRefusals);
    }
    expect_once_in_order(world, outcomes);
    resumes += world.model.resumes;
    told_again += world.model.told_again;
  }
  EXPECT_GT(resumes, 500);
  EXPECT_GT(told_again, 50);
}

TEST(EngineSessionModel, AReplacedBrokerMakesUnknownWhatMayHaveArrived) {
  for (uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, tight(), {.cuts = true, .replaced = true});
    world.run();
    expect_once_in_order(world, outcomes_of(world), true);
  }
}

TEST(EngineSessionModel, MessagesWaitInOrderForRecipientsThatComeLate) {
  int unknown = 0;
  for (uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, tight(), {.cuts = true, .replaced = true, .patience_ms = {kForever}});
    world.model.come_late = true;
    world.model.start_grace_ms = 600'000;
    world.run();
    const auto outcomes = outcomes_of(world);
    for (const auto& [ticket, result] : outcomes) {
      EXPECT_FALSE(has_no_recipient(result)) << world.sent.at(ticket).payload;
    }
    expect_once_in_order(world, outcomes, true);
    unknown += world.model.unknown;
  }
  EXPECT_GT(unknown, 3'000);
}

// Whatever is told of a recipient that is not there, and when: what arrives is in order, and what was told not to
// arrive does not.
TEST(EngineSessionModel, WhereThePatienceEndsTheRestIsInOrder) {
  size_t rejected = 0;
  size_t reached = 0;
  for (uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, tight(), {.cuts = true, .replaced = true, .patience_ms = {0, 5, 100, kForever}});
    world.model.come_late = world.model.go_again = true;
    world.model.start_grace_ms = seed % 3 == 0 ? 0 : 30;
    world.run();
    const auto outcomes = outcomes_of(world);
    expect_once_in_order(world, outcomes, true);
    for (const auto& [ticket, result] : outcomes) {
      if (!has_no_recipient(result)) {
        ++reached;
        continue;
      }
      ++rejected;
      const World::Sent& sent = world.sent.at(ticket);
      const std::vector<std::string>& arrived = world.model.arrived(sent.to);
      EXPECT_EQ(std::count(arrived.begin(), arrived.end(), sent.payload), 0) << sent.payload;
    }
  }
  EXPECT_GT(rejected, 1'000U);
  EXPECT_GT(reached, 10'000U);
}

TEST(EngineSessionModel, RepeatingTheUnknownLosesNothingAndMarksWhatMayComeTwice) {
  for (uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, tight(true), {.cuts = true, .replaced = true});
    // One that did so under a broker that is gone would come behind those that followed it.
    world.model.expires_unseen = false;
    world.run();
    const auto outcomes = outcomes_of(world);
    std::map<std::string, std::vector<std::string>> firsts;
    for (const std::string& name : kNames) {
      std::set<std::string> seen;
      for (std::string payload : world.model.arrived(name)) {
        const bool marked = payload.back() == '*';
        if (marked) payload.pop_back();
        if (seen.insert(payload).second) {
          firsts[name].push_back(payload);
        } else {
          EXPECT_TRUE(marked) << payload;
        }
      }
    }
    std::map<std::string, size_t> next;
    for (const auto& [ticket, sent] : world.sent) {
      EXPECT_NE(outcomes.at(ticket).outcome, Outcome::kUnknown);
      size_t& at = next[sent.to];
      if (at < firsts[sent.to].size() && firsts[sent.to][at] == sent.payload) {
        ++at;
      } else {
        EXPECT_TRUE(may_be_missing(outcomes.at(ticket), true)) << sent.payload;
      }
    }
    for (const std::string& name : kNames) EXPECT_EQ(next[name], firsts[name].size()) << name;
  }
}

}  // namespace
}  // namespace onehop::client
