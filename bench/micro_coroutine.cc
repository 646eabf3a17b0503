// What co_await adds to a completion: the same client, which keeps the completion and calls it later, as the client's
// thread does. Both figures are of one message.
#include <benchmark/benchmark.h>

#include <coroutine>
#include <exception>
#include <string_view>
#include <utility>

#include "onehop/coroutines.h"

namespace onehop::bench {
namespace {

using client::Outcome;
using client::SendCompletion;
using client::SendOptions;
using client::SendResult;
using client::SendStatus;

// Has one message at a time.
class OneAtATime {
 public:
  SendStatus try_send(std::string_view to, std::string_view payload, const SendOptions&, SendCompletion completion) {
    benchmark::DoNotOptimize(to);
    benchmark::DoNotOptimize(payload);
    completion_ = std::move(completion);
    return SendStatus::kAccepted;
  }
  void settle() {
    SendCompletion completion = std::move(completion_);
    completion({.ticket = ++ticket_, .outcome = Outcome::kDelivered});
  }

 private:
  SendCompletion completion_;
  uint64_t ticket_ = 0;
};

void send_with_completion(benchmark::State& state) {
  OneAtATime one;
  uint64_t delivered = 0;
  for (auto _ : state) {
    one.try_send("bob", "hello", {},
                 [&delivered](const SendResult& result) { delivered += result.outcome == Outcome::kDelivered; });
    one.settle();
  }
  benchmark::DoNotOptimize(delivered);
}

struct Detached {
  struct promise_type {
    static Detached get_return_object() { return {}; }
    static std::suspend_never initial_suspend() noexcept { return {}; }
    static std::suspend_never final_suspend() noexcept { return {}; }
    static void return_void() {}
    [[noreturn]] static void unhandled_exception() { std::terminate(); }
  };
};

// A coroutine of its own for each message: what it takes to make one counts too.
Detached send_one(OneAtATime& one, uint64_t& delivered) {
  const SendResult result = co_await client::send(one, "bob", "hello");
  delivered += result.outcome == Outcome::kDelivered;
}

void send_with_new_coroutine(benchmark::State& state) {
  OneAtATime one;
  uint64_t delivered = 0;
  for (auto _ : state) {
    send_one(one, delivered);
    one.settle();
  }
  benchmark::DoNotOptimize(delivered);
}

Detached send_for_ever(OneAtATime& one, uint64_t& delivered, const bool& enough) {
  while (!enough) {
    const SendResult result = co_await client::send(one, "bob", "hello");
    delivered += result.outcome == Outcome::kDelivered;
  }
}

// One coroutine that sends all: what the wait itself costs.
void send_with_co_await(benchmark::State& state) {
  OneAtATime one;
  uint64_t delivered = 0;
  bool enough = false;
  send_for_ever(one, delivered, enough);
  for (auto _ : state) one.settle();
  enough = true;
  one.settle();
  benchmark::DoNotOptimize(delivered);
}

BENCHMARK(send_with_completion)->Name("client/completion");
BENCHMARK(send_with_co_await)->Name("client/co_await");
BENCHMARK(send_with_new_coroutine)->Name("client/co_await/new_coroutine");

}  // namespace
}  // namespace onehop::bench
