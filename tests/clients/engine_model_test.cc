// The engine against a small model of the broker's admission: queues with limits, PAUSE and RESUME with leases, the
// gate, refusals told late, pongs behind all of them, connections cut anywhere. Seeded; a failure prints its seed.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>

#include "engine_rig.h"
#include "seeded_random.h"

namespace onehop::client {
namespace {

constexpr int kDestinations = 4;

std::string name_of(int destination) {
  return "bob" + std::to_string(destination);
}

// What the broker knows of one destination, as far as this sender is concerned.
struct Recipient {
  std::vector<std::string> taken;
  uint64_t queued = 0;
  uint64_t limit = 0;
  bool gate_closed = false;
  bool paused = false;
  // Refusals not told yet: each home shard tells its own in order, and takes its time.
  std::deque<v1::Frame> untold;
};

class Model {
 public:
  Model(uint64_t seed, bool busy) : random_(seed), busy_(busy) {
    for (auto& [name, recipient] : recipients_) recipient.limit = 1;
    for (int i = 0; i < kDestinations; ++i) recipients_[name_of(i)].limit = 2 + random_.below(20);
  }

  // A new connection: gates and pauses belong to the session that ended.
  void begin() {
    decoder_ = core::FrameDecoder();
    input_.clear();
    output_.clear();
    for (auto& [name, recipient] : recipients_) {
      recipient.gate_closed = recipient.paused = false;
      recipient.untold.clear();
    }
  }

  void receive(std::string_view bytes) { input_ += bytes; }

  // Works off some of the input, some of the queues, and tells some of the refusals.
  void step() {
    size_t size = std::min<size_t>(input_.size(), random_.below(300));
    core::Input input{.rest = std::string_view(input_).substr(0, size)};
    core::FrameView view;
    while (decoder_.next(input, 1 << 20, view) == core::Next::kFrame) {
      v1::Frame frame;
      ASSERT_TRUE(frame.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size())));
      handle(frame);
    }
    input_.erase(0, size);
    for (auto& [name, recipient] : recipients_) {
      if (recipient.queued != 0 && random_.one_in(2)) recipient.queued -= 1 + random_.below(recipient.queued);
      if (recipient.paused && recipient.queued <= recipient.limit / 4) {
        recipient.paused = false;
        // Sometimes it is lost, so that the lease has to do.
        if (!random_.one_in(4)) output_ += encode_frame(flow_frame(name, v1::STATE_RESUME));
      }
      if (!recipient.untold.empty() && random_.one_in(3)) tell(recipient);
    }
  }

  // Some of what is to be read by the client.
  std::string take_output() {
    const size_t size = std::min<size_t>(output_.size(), random_.below(200));
    std::string bytes = output_.substr(0, size);
    output_.erase(0, size);
    return bytes;
  }

  std::map<std::string, Recipient>& recipients() { return recipients_; }
  int refused() const { return refused_; }
  int pauses() const { return pauses_; }

 private:
  void handle(const v1::Frame& frame) {
    switch (frame.kind_case()) {
      case v1::Frame::kConnect:
        output_ += encode_frame(connected_frame());
        return;
      case v1::Frame::kMessage:
        return admit(frame.message());
      case v1::Frame::kFlow:
        recipients_[frame.flow().client()].gate_closed = false;
        return;
      case v1::Frame::kPing:
        for (auto& [name, recipient] : recipients_) {
          while (!recipient.untold.empty()) tell(recipient);
        }
        output_ += encode_frame(pong_frame(frame.ping().nonce()));
        return;
      default:
        return;
    }
  }

  void admit(const v1::Message& message) {
    ASSERT_GT(message.id(), 0U);
    Recipient& recipient = recipients_[message.client()];
    v1::Reason reason = v1::REASON_UNSPECIFIED;
    if (recipient.gate_closed || recipient.queued >= recipient.limit) {
      reason = v1::REASON_QUEUE_FULL;
      recipient.gate_closed = true;
    } else if (busy_ && random_.one_in(20)) {
      reason = v1::REASON_BROKER_BUSY;
    }
    if (reason != v1::REASON_UNSPECIFIED) {
      ++refused_;
      recipient.untold.push_back(
          refusal_frame(message.id(), message.id(), reason, static_cast<uint32_t>(1 + random_.below(50))));
      return;
    }
    ++recipient.queued;
    recipient.taken.push_back(message.payload() + (message.maybe_repeated() ? "*" : ""));
    if (recipient.queued > recipient.limit * 3 / 4 && !recipient.paused && !random_.one_in(3)) {
      recipient.paused = true;
      ++pauses_;
      output_ +=
          encode_frame(flow_frame(message.client(), v1::STATE_PAUSE, static_cast<uint32_t>(1 + random_.below(50))));
    }
  }

  void tell(Recipient& recipient) {
    output_ += encode_frame(recipient.untold.front());
    recipient.untold.pop_front();
  }

  Random random_;
  const bool busy_;
  core::FrameDecoder decoder_;
  std::string input_;
  std::string output_;
  std::map<std::string, Recipient> recipients_;
  int refused_ = 0;
  int pauses_ = 0;
};

struct Counts {
  int refused = 0;
  int pauses = 0;
  int cuts = 0;
};

// One life of an engine: sends numbered messages to several destinations until all have their outcome.
class World {
 public:
  World(uint64_t seed, ClientOptions options, bool cuts, bool busy)
      : random_(seed), model_(seed + 1, busy), cuts_(cuts), engine_(Rig::named(std::move(options)), events_, seed) {
    engine_.start(now_);
  }

  void run(int messages) {
    while (sent_ < messages || engine_.unsettled() != 0) {
      ASSERT_LT(++steps_, 200'000) << "it does not come to an end";
      if (engine_.link() == Link::kWanted && link_ != engine_.link_number()) {
        link_ = engine_.link_number();
        model_.begin();
        engine_.on_link_up(now_);
      }
      if (sent_ < messages && random_.one_in(2)) send_some(messages);
      write_some();
      model_.step();
      engine_.on_bytes(model_.take_output(), now_);
      if (cuts_ && counts_.cuts < 20 && random_.one_in(300)) {
        ++counts_.cuts;
        engine_.on_link_down("cut", now_);
      }
      now_ += random_.below(3);
      engine_.on_tick(now_);
    }
    counts_.refused = model_.refused();
    counts_.pauses = model_.pauses();
  }

  Recorder& events() { return events_; }
  Model& model() { return model_; }
  const Counts& counts() const { return counts_; }
  const std::map<std::string, std::vector<std::string>>& accepted() const { return accepted_; }
  const std::string& payload_of(uint64_t ticket) const { return payloads_.at(ticket); }

 private:
  void send_some(int messages) {
    for (uint64_t left = random_.below(30); left != 0 && sent_ < messages; --left) {
      const std::string to = name_of(static_cast<int>(random_.below(kDestinations)));
      const std::string payload = to + "/" + std::to_string(sent_);
      uint64_t ticket = 0;
      if (engine_.send(to, payload, {.confirm = Confirm::kRefusals}, &ticket) != SendStatus::kAccepted) return;
      ++sent_;
      accepted_[to].push_back(payload);
      payloads_[ticket] = payload;
    }
  }

  void write_some() {
    std::array<std::string_view, 3> pieces;
    const size_t count = engine_.output(pieces, now_);
    size_t all = 0;
    std::string bytes;
    for (size_t i = 0; i < count; ++i) bytes += pieces[i];
    all = std::min<size_t>(bytes.size(), random_.below(400));
    model_.receive(std::string_view(bytes).substr(0, all));
    if (all != 0) engine_.on_written(all, now_);
  }

  Random random_;
  Recorder events_;
  Model model_;
  const bool cuts_;
  uint64_t now_ = 1'000;
  ClientEngine engine_;
  uint64_t link_ = 0;
  int steps_ = 0;
  int sent_ = 0;
  Counts counts_;
  std::map<std::string, std::vector<std::string>> accepted_;
  std::map<uint64_t, std::string> payloads_;
};

ClientOptions tight(bool repeat_unknown = false) {
  return {.backoff_ms_min = 1,
          .backoff_ms_max = 20,
          .repeat_unknown = repeat_unknown,
          .in_flight_messages_max = 40,
          .unsent_bytes_max = 2'000,
          .waiting_bytes_max = 2'000};
}

void expect_one_outcome_each(World& world) {
  std::set<uint64_t> tickets;
  for (const SendResult& result : world.events().results) {
    EXPECT_TRUE(tickets.insert(result.ticket).second) << "told twice: " << result.ticket;
  }
  size_t accepted = 0;
  for (const auto& [name, payloads] : world.accepted()) accepted += payloads.size();
  EXPECT_EQ(tickets.size(), accepted);
}

constexpr uint64_t kSeeds = 300;
constexpr int kMessages = 400;

TEST(EngineModel, EverythingArrivesOnceInOrder) {
  Counts total;
  for (uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, tight(), false, false);
    world.run(kMessages);
    expect_one_outcome_each(world);
    for (const SendResult& result : world.events().results) EXPECT_EQ(result.outcome, Outcome::kAdmitted);
    for (const auto& [name, payloads] : world.accepted()) {
      EXPECT_EQ(world.model().recipients()[name].taken, payloads);
    }
    total.refused += world.counts().refused;
    total.pauses += world.counts().pauses;
  }
  EXPECT_GT(total.refused, 1'000);
  EXPECT_GT(total.pauses, 1'000);
}

TEST(EngineModel, ABusyBrokerLosesNothing) {
  for (uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, tight(), false, true);
    world.run(kMessages);
    expect_one_outcome_each(world);
    for (const auto& [name, payloads] : world.accepted()) {
      const auto& taken = world.model().recipients()[name].taken;
      EXPECT_EQ(std::multiset<std::string>(taken.begin(), taken.end()),
                std::multiset<std::string>(payloads.begin(), payloads.end()));
    }
  }
}

TEST(EngineModel, CutsMakeUnknownWhatMayHaveArrivedAndNothingElse) {
  Counts total;
  for (uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, tight(), true, false);
    world.run(kMessages);
    expect_one_outcome_each(world);
    std::set<std::string> unknown;
    for (const SendResult& result : world.events().results) {
      ASSERT_TRUE(result.outcome == Outcome::kAdmitted || result.outcome == Outcome::kUnknown);
      if (result.outcome == Outcome::kUnknown) unknown.insert(world.payload_of(result.ticket));
    }
    for (const auto& [name, payloads] : world.accepted()) {
      const auto& taken = world.model().recipients()[name].taken;
      // What was taken is what was sent, in order, but for some of the unknown.
      size_t next = 0;
      for (const std::string& payload : payloads) {
        if (next < taken.size() && taken[next] == payload) {
          ++next;
        } else {
          EXPECT_TRUE(unknown.contains(payload)) << payload;
        }
      }
      EXPECT_EQ(next, taken.size());
    }
    total.cuts += world.counts().cuts;
  }
  EXPECT_GT(total.cuts, 100);
}

TEST(EngineModel, RepeatingTheUnknownLosesNothingAndMarksWhatMayComeTwice) {
  for (uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, tight(true), true, false);
    world.run(kMessages);
    expect_one_outcome_each(world);
    for (const auto& [name, payloads] : world.accepted()) {
      // A repeat that arrived before is one that is marked; without those, everything is there once.
      std::set<std::string> seen;
      for (std::string payload : world.model().recipients()[name].taken) {
        const bool marked = payload.back() == '*';
        if (marked) payload.pop_back();
        EXPECT_TRUE(seen.insert(payload).second || marked) << payload;
      }
      EXPECT_EQ(seen, std::set<std::string>(payloads.begin(), payloads.end()));
    }
  }
}

}  // namespace
}  // namespace onehop::client
