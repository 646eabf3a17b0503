// A client of the C++ library behind a proxy and one without it send each other 50 confirmed messages, and the proxy
// cuts the first's connection after k bytes of one direction, in order or with a reset, once or twice: for every k.
// Whatever k is, each message has one outcome, DELIVERED, and each side gets all of the other's, in order and once.
// The messages are a few bytes each, or a few thousand now and then.
//
// In every run each k that is a multiple of a stride; with the small messages all of them, with
//
//   ONEHOP_TEST_FULL=1 build/release/bin/cut_everywhere_test
#include <gtest/gtest.h>
#include <uv.h>

#include <deque>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "cutting_proxy.h"
#include "full_size.h"
#include "onehop/loop_client.h"
#include "server_test/broker_rig.h"
#include "server_test/sanitizers.h"

namespace onehop::test {
namespace {

constexpr uint32_t kMessagesEachWay = 50;
// Messages of one side without an outcome: few, so that there is something of everything on the way at each byte.
constexpr uint32_t kUnsettledMax = 8;
constexpr size_t kSessionsAtOnce = 16;
// After so many outcomes new credentials are shown. Whether they are renewed or go with the next connection, the broker
// takes them.
constexpr uint32_t kRenewEvery = 10;
constexpr uint64_t kStride = kThreadSanitized || kAddressSanitized ? 23 : 5;
// The large ones are read and written in one piece mostly: there are fewer places to cut at.
constexpr uint64_t kLargeEvery = 5;
constexpr size_t kLargeBytes = 5'000;
constexpr uint64_t kLargeStride = 29;
// When to give a session up. Nothing waits for it to pass.
constexpr uint64_t kPatienceMs = 30'000;
constexpr size_t kFailuresMax = 10;

std::string text_of(uint32_t number, bool large) {
  std::string text = std::to_string(number);
  if (large && number % kLargeEvery == 0) text += " " + std::string(kLargeBytes, 'x');
  return text;
}

// One of the two clients: sends its numbers, checks the other's.
class Speaker final : public client::ClientEvents {
 public:
  Speaker(std::string name, std::string other, bool large)
      : name_(std::move(name)), other_(std::move(other)), large_(large) {}

  void connect(client::ClientLoop& loop, const std::string& address) {
    client::ClientOptions options;
    options.name = name_;
    options.backoff_ms_min = 1;
    options.backoff_ms_max = 20;
    std::string error;
    client_ = client::LoopClient::start(loop, address, options, *this, error);
    ASSERT_NE(client_, nullptr) << error;
  }
  void begin() {
    if (begun_) return;
    begun_ = true;
    send_more();
  }
  void close() { client_->close(0); }
  void drop() { client_.reset(); }

  bool done() const { return delivered_ == kMessagesEachWay && received_ == kMessagesEachWay; }
  bool ended() const { return ended_; }
  bool opened() const { return opened_; }
  const std::string& problem() const { return problem_; }
  std::string state() const {
    return name_ + ": " + std::to_string(sent_) + " sent, " + std::to_string(delivered_) + " delivered, " +
           std::to_string(received_) + " received" + (problem_.empty() ? "" : "; " + problem_) +
           "; connections:" + story_;
  }

  void on_open(const client::SessionInfo& info) override {
    opened_ = true;
    story_ += info.resumed ? " resumed" : " opened";
  }
  void on_down(const client::Ending& ending, uint64_t) override { story_ += " (" + describe(ending) + ")"; }
  void on_message(const client::Message& message) override {
    if (message.payload != text_of(received_, large_)) {
      note("got '" + std::string(message.payload.substr(0, 20)) + "', " + std::to_string(received_) + " was next");
    }
    ++received_;
  }
  void on_outcome(std::string_view, const client::SendResult& result) override {
    if (result.outcome != client::Outcome::kDelivered) {
      note("a message was " + std::string(to_string(result.outcome)) + " " + to_string(result.reason));
    }
    ++delivered_;
    if (delivered_ % kRenewEvery == 0) client_->renew("token " + std::to_string(delivered_));
    send_more();
  }
  void on_renewed(client::Reason reason, uint32_t) override {
    if (reason != client::Reason::kNone) note("its credentials were not renewed: " + to_string(reason));
  }
  void on_ended(const client::Ending& ending) override {
    ended_ = true;
    if (ending.cause != client::Ending::Cause::kClosed) note("ended: " + describe(ending));
  }

 private:
  void send_more() {
    while (begun_ && sent_ < kMessagesEachWay && client_->unsettled() < kUnsettledMax) {
      const client::SendStatus status = client_->send(other_, text_of(sent_, large_));
      if (status != client::SendStatus::kAccepted) return note("not accepted: " + std::string(to_string(status)));
      ++sent_;
    }
  }
  void note(const std::string& what) {
    if (problem_.empty()) problem_ = what;
  }

  const std::string name_, other_;
  const bool large_;
  std::unique_ptr<client::LoopClient> client_;
  uint32_t sent_ = 0, delivered_ = 0, received_ = 0;
  bool begun_ = false, opened_ = false, ended_ = false;
  std::string problem_, story_;
};

// One run of the script.
class Script {
 public:
  Script(uint64_t now_ms, CuttingProxy& proxy, client::ClientLoop& loop, const std::string& broker, uint64_t number,
         bool large, const Cut& cut)
      : cut_(cut),
        began_ms_(now_ms),
        proxy_(proxy),
        left_("left-" + std::to_string(number), "right-" + std::to_string(number), large),
        right_("right-" + std::to_string(number), "left-" + std::to_string(number), large) {
    proxy_.start(cut);
    right_.connect(loop, broker);
    left_.connect(loop, proxy_.address());
  }
  ~Script() {
    left_.drop();
    right_.drop();
  }

  // What the loop brought about is over. True: there is nothing left to do.
  bool step(uint64_t now_ms) {
    if (!left_.problem().empty() || !right_.problem().empty() || now_ms - began_ms_ > kPatienceMs) return true;
    // Before, a message to the left one would meet no client, or the session of a connection that was cut unanswered.
    if (left_.opened() && right_.opened()) {
      left_.begin();
      right_.begin();
    }
    if (!closing_ && left_.done() && right_.done()) {
      closing_ = true;
      left_.close();
      right_.close();
    }
    return closing_ && left_.ended() && right_.ended();
  }

  bool right() const { return left_.ended() && right_.ended() && left_.done() && right_.done() && problem_free(); }
  CuttingProxy& proxy() const { return proxy_; }
  std::string description() const {
    return std::string(cut_.direction == Direction::kToBroker ? "client to broker" : "broker to client") +
           ", cut after " + std::to_string(cut_.offset) + " bytes" + (cut_.reset ? " with a reset" : "") + ", " +
           std::to_string(proxy_.cuts()) + " of " + std::to_string(proxy_.connections()) + " connections\n  " +
           left_.state() + "\n  " + right_.state();
  }

 private:
  bool problem_free() const { return left_.problem().empty() && right_.problem().empty(); }

  const Cut cut_;
  const uint64_t began_ms_;
  CuttingProxy& proxy_;
  Speaker left_, right_;
  bool closing_ = false;
};

class CutEverywhere : public testing::TestWithParam<std::tuple<unsigned, bool>> {
 protected:
  CutEverywhere() {
    uv_loop_init(&loop_);
    uv_timer_init(&loop_, &tick_);
    // So that a script that waits in vain is looked at.
    uv_timer_start(
        &tick_, [](uv_timer_t*) {}, kPatienceMs, kPatienceMs);
    client_loop_.emplace(&loop_);
    // Again and again the same: the machine has only so many ports.
    for (size_t i = 0; i < kSessionsAtOnce; ++i) {
      free_proxies_.push_back(&proxies_.emplace_back(&loop_, broker_.address()));
    }
  }
  ~CutEverywhere() override {
    scripts_.clear();
    proxies_.clear();
    client_loop_.reset();
    uv_close(reinterpret_cast<uv_handle_t*>(&tick_), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&loop_), 0);
  }

  static bool large() { return std::get<1>(GetParam()); }

  // Runs the script with each of the cuts.
  void run(const std::vector<Cut>& cuts) {
    for (size_t next = 0; next < cuts.size() || !scripts_.empty();) {
      while (next < cuts.size() && scripts_.size() < kSessionsAtOnce && failures_ < kFailuresMax) {
        CuttingProxy& proxy = *free_proxies_.back();
        free_proxies_.pop_back();
        scripts_.push_back(std::make_unique<Script>(uv_now(&loop_), proxy, *client_loop_, broker_.address(), ++number_,
                                                    large(), cuts[next++]));
      }
      if (failures_ >= kFailuresMax) return scripts_.clear();
      uv_run(&loop_, UV_RUN_ONCE);
      std::erase_if(scripts_, [this](const std::unique_ptr<Script>& script) {
        if (!script->step(uv_now(&loop_))) return false;
        finish(*script);
        free_proxies_.push_back(&script->proxy());
        return true;
      });
    }
  }
  void finish(const Script& script) {
    if (!script.right() && ++failures_ <= kFailuresMax) ADD_FAILURE() << script.description();
    cuts_ += script.proxy().cuts();
    for (const Direction direction : {Direction::kToBroker, Direction::kToClient}) {
      uint64_t& bytes = bytes_[static_cast<size_t>(direction)];
      bytes = std::max(bytes, script.proxy().passed_max(direction));
    }
  }

  BrokerRig broker_{test_options(std::get<0>(GetParam()))};
  uv_loop_t loop_;
  uv_timer_t tick_;
  std::optional<client::ClientLoop> client_loop_;
  std::deque<CuttingProxy> proxies_;
  std::vector<CuttingProxy*> free_proxies_;
  std::vector<std::unique_ptr<Script>> scripts_;
  uint64_t number_ = 0;
  size_t failures_ = 0;
  uint64_t cuts_ = 0;
  uint64_t bytes_[2] = {0, 0};
};

TEST_P(CutEverywhere, EachMessageHasOneOutcomeAndArrivesOnceInOrder) {
  // Without a cut first: how long each direction is. What is acknowledged together differs from run to run.
  run(std::vector<Cut>(20, Cut{Direction::kToBroker, UINT64_MAX, false, 0}));
  ASSERT_GT(bytes_[0], 50u * 10);
  ASSERT_GT(bytes_[1], 50u * 10);
  const uint64_t stride = full_or<uint64_t>(1, kStride) * (large() ? kLargeStride : 1);
  for (const Direction direction : {Direction::kToBroker, Direction::kToClient}) {
    const uint64_t bytes = bytes_[static_cast<size_t>(direction)];
    for (const bool reset : {false, true}) {
      for (const uint32_t connections : {1u, 2u}) {
        std::vector<Cut> cuts;
        for (uint64_t offset = 0; offset <= bytes; offset += stride)
          cuts.push_back({direction, offset, reset, connections});
        const uint64_t before = cuts_;
        run(cuts);
        ASSERT_LT(failures_, kFailuresMax) << "the rest is left out";
        std::cout << (direction == Direction::kToBroker ? "client to broker" : "broker to client")
                  << (reset ? ", resets, " : ", ends, ") << connections << " each: " << cuts.size() << " scripts of "
                  << bytes << " bytes, " << cuts_ - before << " cuts\n";
        EXPECT_GE((cuts_ - before + failures_) * 2, cuts.size()) << "the cuts were beyond what was said";
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, CutEverywhere, testing::Combine(testing::Values(1u, 2u), testing::Bool()),
                         [](const auto& test) {
                           return std::string(std::get<1>(test.param) ? "Large" : "Small") + "On" +
                                  std::to_string(std::get<0>(test.param));
                         });

}  // namespace
}  // namespace onehop::test
