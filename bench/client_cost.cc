// What a confirmed message costs a program that uses the client library: CPU time of its process, which has no broker
// in it. The threaded client, with completions and with futures, is compared with the client on the program's own loop,
// which hands nothing from one thread to another.
//
//   onehop-bench-client [--messages N] [--repeat N]
//
// The last way is the C client of NATS: alice publishes to a subject that bob subscribes to, through nats-server, and
// learns nothing of what became of it.
//
// "send": alice sends, and who receives is another process. "both": bob, who receives, is in the process too. Each run
// is a process of its own; the ways take turns, and medians are printed.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <atomic>
#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "client_cost.h"
#include "onehop/client.h"
#include "onehop/coroutines.h"
#include "onehop/loop_client.h"

namespace onehop::bench {
namespace {

using client::Client;
using client::ClientEvents;
using client::Ending;
using client::LoopClient;
using client::Message;
using client::Outcome;
using client::SendFuture;
using client::SendResult;
using client::SendStatus;

constexpr size_t kFuturesAtATime = 256;

void must(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "onehop-bench-client: %s\n", what.c_str());
  std::exit(1);
}

// One that sends as much as there is room for, and one that only counts.
struct LoopPeer final : ClientEvents {
  void on_message(const Message&) override { ++received; }
  void on_outcome(std::string_view, const SendResult& result) override {
    must(result.outcome == Outcome::kDelivered, "not delivered");
    ++delivered;
  }
  void on_open(const client::SessionInfo&) override { opened = true; }
  void on_ended(const Ending&) override {}
  void on_room() override { fill(); }
  void fill() {
    while (sent != to_send && client->send(kRecipient, payload) == SendStatus::kAccepted) ++sent;
  }

  std::unique_ptr<LoopClient> client;
  std::string payload;
  bool opened = false;
  uint64_t to_send = 0, sent = 0, delivered = 0, received = 0;
};

double run_loop(const CostRun& run) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  double cost = 0;
  {
    client::ClientLoop client_loop(&loop);
    std::string error;
    LoopPeer alice, bob;
    alice.payload = std::string(kPayloadBytes, 'x');
    if (run.receives) bob.client = LoopClient::start(client_loop, run.server, {.name = kRecipient}, bob, error);
    const auto turn_until = [&](const auto& done) {
      while (!done()) uv_run(&loop, UV_RUN_ONCE);
    };
    if (run.receives) turn_until([&] { return bob.opened; });
    alice.client = LoopClient::start(client_loop, run.server, {.name = "alice"}, alice, error);
    must(alice.client != nullptr, error);
    const auto send_all = [&](uint64_t messages) {
      alice.to_send += messages;
      alice.fill();
      turn_until([&] { return alice.delivered == alice.to_send; });
    };
    turn_until([&] { return alice.opened; });
    cost = measured(run, send_all);
    alice.client.reset();
    bob.client.reset();
    uv_run(&loop, UV_RUN_DEFAULT);
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  return cost;
}

void send_with_completions(Client& alice, const std::string& payload, uint64_t messages) {
  std::atomic<uint64_t> delivered{0};
  for (uint64_t i = 0; i != messages; ++i) {
    alice.send(kRecipient, payload, {}, [&delivered](const SendResult& result) {
      must(result.outcome == Outcome::kDelivered, "not delivered");
      delivered.store(delivered.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    });
  }
  must(alice.flush(kLongMs) == client::WaitStatus::kDone && delivered == messages, "not all were delivered");
}

void send_with_futures(Client& alice, const std::string& payload, uint64_t messages) {
  std::vector<SendFuture> futures;
  for (uint64_t i = 0; i != messages; ++i) {
    futures.push_back(alice.send(kRecipient, payload));
    if (futures.size() != kFuturesAtATime && i + 1 != messages) continue;
    for (const SendFuture& future : futures) must(future.get().outcome == Outcome::kDelivered, "not delivered");
    futures.clear();
  }
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

Detached send_in_turn(Client& alice, const std::string& payload, uint64_t messages, std::atomic<uint64_t>& left) {
  for (uint64_t i = 0; i != messages; ++i) {
    const SendResult result = co_await client::send(alice, kRecipient, payload);
    must(result.outcome == Outcome::kDelivered, "not delivered");
  }
  --left;
  left.notify_one();
}

// As many coroutines as futures that are waited for together.
void send_with_coroutines(Client& alice, const std::string& payload, uint64_t messages) {
  std::atomic<uint64_t> left{kFuturesAtATime};
  for (uint64_t i = 0; i != kFuturesAtATime; ++i) {
    const uint64_t share = messages / kFuturesAtATime + (i < messages % kFuturesAtATime ? 1 : 0);
    send_in_turn(alice, payload, share, left);
  }
  for (uint64_t seen = left; seen != 0; seen = left) left.wait(seen);
}

double run_threaded(const CostRun& run, void (*send_all)(Client&, const std::string&, uint64_t)) {
  std::string error;
  std::unique_ptr<Client> bob;
  if (run.receives) {
    bob = Client::start(run.server, {.name = kRecipient}, {.on_message = [](const Message&) {}}, error);
    must(bob != nullptr && bob->wait_until_open(kLongMs) == client::WaitStatus::kDone, error);
  }
  const auto alice = Client::start(run.server, {.name = "alice"}, {}, error);
  must(alice != nullptr && alice->wait_until_open(kLongMs) == client::WaitStatus::kDone, error);
  const std::string payload(kPayloadBytes, 'x');
  return measured(run, [&](uint64_t messages) { send_all(*alice, payload, messages); });
}

}  // namespace

const std::vector<CostWay>& cost_ways() {
  static const std::vector<CostWay> ways = {
      {"loop", run_loop},
      {"completions", [](const CostRun& run) { return run_threaded(run, send_with_completions); }},
      {"futures", [](const CostRun& run) { return run_threaded(run, send_with_futures); }},
      {"coroutines", [](const CostRun& run) { return run_threaded(run, send_with_coroutines); }},
      {"nats", run_nats},
  };
  return ways;
}

}  // namespace onehop::bench
