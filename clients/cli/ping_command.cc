// `onehop ping`: the round trip to the broker and back, as its answer to a ping tells.
#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>

#include "cli/command.h"

namespace onehop::cli {
namespace {

class PingCommand final : public Command {
 public:
  explicit PingCommand(const Options& options) : Command(options), next_(loop_, [this] { ping(); }) {}

 private:
  // What it measures is this connection.
  void adapt(client::ClientOptions& options) override {
    options.session_expiry_ms = 0;
    options.reconnect = false;
  }

  using Clock = std::chrono::steady_clock;

  void on_open(const client::SessionInfo& session) override {
    Command::on_open(session);
    next_.arm_at(loop_.now_ms());
  }

  void ping() {
    next_.arm_at(loop_.now_ms() + static_cast<uint64_t>(std::max(1.0, options_.interval * 1'000)));
    // One at a time: a later answer would stand for an earlier one, and measure neither.
    if (nonce_ != 0) return;
    nonce_ = client_->ping();
    began_ = Clock::now();
    ++sent_;
  }

  void on_pong(uint64_t nonce) override {
    if (nonce != nonce_ || nonce_ == 0) return;
    nonce_ = 0;
    const double ms = std::chrono::duration<double, std::milli>(Clock::now() - began_).count();
    ++answered_;
    sum_ms_ += ms;
    min_ms_ = answered_ == 1 ? ms : std::min(min_ms_, ms);
    max_ms_ = std::max(max_ms_, ms);
    if (options_.json) {
      std::printf("{\"seq\":%" PRIu64 ",\"ms\":%.3f}\n", answered_, ms);
    } else if (!options_.quiet) {
      std::printf("pong from %s: seq=%" PRIu64 " time=%.3f ms\n", options_.server.c_str(), answered_, ms);
    }
    std::fflush(stdout);
    if (answered_ == options_.count) finish(kSuccess, kCloseMs);
  }

  void on_signal() override { finish(answered_ != 0 ? kSuccess : kNotAllDelivered, kCloseMs); }
  void on_timeout() override {
    if (!was_open_) complain("cannot connect to " + options_.server + ": the time is up");
    const bool enough = answered_ != 0 && !options_.count;
    finish(!was_open_ ? kCannotConnect : enough ? kSuccess : kNotAllDelivered, kCloseMs);
  }

  void on_ended(const client::Ending& ending) override {
    Command::on_ended(ending);
    next_.disarm();
    if (!was_open_) return;
    const double mean = answered_ == 0 ? 0 : sum_ms_ / static_cast<double>(answered_);
    if (options_.json) {
      std::printf("{\"event\":\"summary\",\"sent\":%" PRIu64 ",\"answered\":%" PRIu64
                  ",\"min_ms\":%.3f,\"mean_ms\":%.3f,\"max_ms\":%.3f}\n",
                  sent_, answered_, min_ms_, mean, max_ms_);
    } else {
      std::printf("--- %s ---\n%" PRIu64 " sent, %" PRIu64 " answered, round trip min/avg/max = %.3f/%.3f/%.3f ms\n",
                  options_.server.c_str(), sent_, answered_, min_ms_, mean, max_ms_);
    }
    std::fflush(stdout);
  }

  reactor::Timer next_;
  Clock::time_point began_;
  uint64_t nonce_ = 0;
  uint64_t sent_ = 0;
  uint64_t answered_ = 0;
  double sum_ms_ = 0;
  double min_ms_ = 0;
  double max_ms_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_ping(const Options& options) {
  return std::make_unique<PingCommand>(options);
}

}  // namespace onehop::cli
