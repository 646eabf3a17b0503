// The way of onehop-bench-client that is NATS: its C client, with one connection that publishes and one that
// subscribes.
#include <nats/nats.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "client_cost.h"

namespace onehop::bench {
namespace {

void must(natsStatus status) {
  if (status == NATS_OK) return;
  std::fprintf(stderr, "onehop-bench-client: nats: %s\n", natsStatus_GetText(status));
  std::exit(1);
}

struct Received {
  std::atomic<uint64_t> messages{0};
  std::atomic<uint64_t> wanted{0};
  std::atomic<bool> all{false};
};

void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
  auto* received = static_cast<Received*>(closure);
  natsMsg_Destroy(message);
  const uint64_t count = received->messages.load(std::memory_order_relaxed) + 1;
  received->messages.store(count, std::memory_order_relaxed);
  if (count != received->wanted.load(std::memory_order_relaxed)) return;
  received->all = true;
  received->all.notify_one();
}

}  // namespace

double run_nats(const CostRun& run) {
  natsConnection* alice = nullptr;
  natsConnection* bob = nullptr;
  natsSubscription* subscription = nullptr;
  Received received;
  must(natsConnection_ConnectTo(&alice, run.server.c_str()));
  must(natsConnection_ConnectTo(&bob, run.server.c_str()));
  must(natsConnection_Subscribe(&subscription, bob, kRecipient, on_message, &received));
  must(natsSubscription_SetPendingLimits(subscription, -1, -1));
  must(natsConnection_Flush(bob));
  const std::string payload(kPayloadBytes, 'x');
  const double cost = measured(run, [&](uint64_t messages) {
    received.all = false;
    received.wanted = received.messages + messages;
    for (uint64_t i = 0; i != messages; ++i) {
      must(natsConnection_Publish(alice, kRecipient, payload.data(), static_cast<int>(payload.size())));
    }
    must(natsConnection_Flush(alice));
    received.all.wait(false);
  });
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(bob);
  natsConnection_Destroy(alice);
  nats_Close();
  return cost;
}

}  // namespace onehop::bench
