// Reports of clients: see the header.
#include "core/shard/client_report.h"

namespace onehop::core {
namespace {

constexpr uint64_t kRateMsMin = 1'000;
constexpr uint64_t kRateMsMax = 60'000;

double key_of(ClientOrder order, const ClientState& client) {
  switch (order) {
    case ClientOrder::kName:
      return 0;
    case ClientOrder::kQueueBytes:
      return static_cast<double>(client.queue_bytes);
    case ClientOrder::kSendRate:
      return client.sent_per_second;
    case ClientOrder::kReceiveRate:
      return client.received_per_second;
    case ClientOrder::kIdle:
      return static_cast<double>(client.idle_ms);
  }
  return 0;
}

}  // namespace

bool comes_before(ClientOrder order, const ClientState& a, const ClientState& b) {
  const double key_a = key_of(order, a);
  const double key_b = key_of(order, b);
  return key_a != key_b ? key_a > key_b : a.name < b.name;
}

RateSamples::Rates RateSamples::look(SessionId session, uint64_t sent, uint64_t received, Instant now) {
  if (session.index >= samples_.size()) samples_.resize(session.index + 1);
  Sample& sample = samples_[session.index];
  const bool known = sample.generation == session.generation;
  const uint64_t passed_ms = known ? now - sample.at : 0;
  if (known && passed_ms < kRateMsMin) return {sample.sent_rate, sample.received_rate};
  Sample next{sent, received, now, 0, 0, session.generation};
  if (known && passed_ms <= kRateMsMax) {
    const float per_ms = 1'000.0F / static_cast<float>(passed_ms);
    next.sent_rate = static_cast<float>(sent - sample.sent) * per_ms;
    next.received_rate = static_cast<float>(received - sample.received) * per_ms;
  }
  sample = next;
  return {sample.sent_rate, sample.received_rate};
}

}  // namespace onehop::core
