// Reports of clients: see the header.
#include "core/shard/client_report.h"

namespace onehop::core {
namespace {

constexpr uint64_t kRateMsMin = 1'000;
constexpr uint64_t kRateMsMax = 60'000;

}  // namespace

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
