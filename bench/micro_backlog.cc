// What a backlog alone costs, without a shard: a window of confirmed messages is admitted and sent, then acknowledged
// in order by one number, or tag by tag in any order.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "core/queue/backlog.h"
#include "core/wire/name_stamp.h"
#include "micro_wire.h"
#include "micro_world.h"

namespace {

using namespace onehop::core;
using onehop::bench::kNow;

class Window {
 public:
  Window(size_t messages, size_t payload_bytes)
      : messages_(messages), body_(onehop::bench::message_body("bob", 7, payload_bytes)), from_("alice") {
    message_.sender.kind = Origin::Kind::kSession;
    message_.from_session = 1;
    message_.frame_bytes = static_cast<uint32_t>(body_.size() + 3);
    message_.from_stamp = from_.stamp();
    message_.body = body_;
    if (scan_message(body_, "bob", message_.scanned) != ScanError::kNone) std::abort();
    message_.scanned.confirm = kConfirmDelivered;
  }

  void admit() {
    for (size_t i = 0; i < messages_; ++i) {
      backlog_.add(message_, kNow + 60'000);
      backlog_.mark_sent();
    }
    last_tag_ += messages_;
  }
  void acknowledge_up_to_last() {
    backlog_.for_each_open(0, last_tag_, [this](Backlog::Entry& entry) { backlog_.settle(entry); });
    backlog_.close_holes();
  }
  // `order` counts from the first tag of the window; `per_ack` verdicts come in one ack.
  void acknowledge(const std::vector<uint64_t>& order, size_t per_ack) {
    const uint64_t first = last_tag_ - messages_ + 1;
    for (size_t i = 0; i < order.size(); ++i) {
      backlog_.settle(*backlog_.find_open(first + order[i]));
      if ((i + 1) % per_ack == 0) backlog_.close_holes();
    }
    backlog_.close_holes();
  }
  bool all_settled() const { return backlog_.empty(); }

 private:
  const size_t messages_;
  const std::string body_;
  const NameStamp from_;
  RoutedMessage message_;
  Counters totals_;
  Backlog backlog_{totals_};
  uint64_t last_tag_ = 0;
};

void backlog_admit(benchmark::State& state) {
  Window window(static_cast<size_t>(state.range(0)), 128);
  for (auto _ : state) {
    window.admit();
    state.PauseTiming();
    window.acknowledge_up_to_last();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(backlog_admit)->Name("backlog/admit")->Arg(1'024);

void backlog_in_order(benchmark::State& state) {
  Window window(static_cast<size_t>(state.range(0)), 128);
  for (auto _ : state) {
    window.admit();
    window.acknowledge_up_to_last();
  }
  if (!window.all_settled()) state.SkipWithError("something is open");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(backlog_in_order)->Name("backlog/admit_and_ack_in_order")->Arg(1)->Arg(128)->Arg(1'024);

void backlog_any_order(benchmark::State& state) {
  Window window(static_cast<size_t>(state.range(0)), 128);
  std::vector<uint64_t> order(static_cast<size_t>(state.range(0)));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  for (auto _ : state) {
    window.admit();
    window.acknowledge(order, static_cast<size_t>(state.range(1)));
  }
  if (!window.all_settled()) state.SkipWithError("something is open");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(backlog_any_order)
    ->Name("backlog/admit_and_ack_in_any_order")
    ->ArgNames({"", "per_ack"})
    ->Args({128, 16})
    ->Args({1'024, 1})
    ->Args({1'024, 100});

}  // namespace
