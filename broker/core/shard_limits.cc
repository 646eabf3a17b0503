// Shard: how old a connection may grow, and limits that change while it runs.
#include "core/shard.h"

namespace onehop::core {

// When a connection that has been open since `from` is told to connect anew: a tenth earlier or later than the others,
// so that those who came together do not come back together.
Instant Shard::end_of_age(LinkId id, Instant from) const {
  const uint64_t age_ms = config_.limits.connection_age_ms_max;
  if (age_ms == 0) return Instant::never();
  return from + (age_ms * 9 / 10 + age_ms * spread_of(origin_of({id.index, id.generation})) / 5120);
}

void Shard::set_limits(const Limits& limits, Instant now) {
  const bool other_age = !draining_ && limits.connection_age_ms_max != config_.limits.connection_age_ms_max;
  config_.limits = limits;
  const RateLimits rates(limits);
  const bool other_rates = rates != rates_;
  rates_ = rates;
  ledger_.set_bytes_max(limits.memory_bytes_max);
  // What was measured by the old rates says nothing about the new ones; and deadlines may be earlier now.
  sessions_.for_each([this, other_rates](SessionId id, Session& session) {
    if (other_rates && session.sending != nullptr) session.sending->rate = {};
    session_wheel_.arm(id.index, next_session_due(session));
  });
  links_.for_each([this, other_age, now](LinkId id, Link& link) {
    if (link.state != LinkState::kOpen) return;
    if (other_age && !link.contested) link.deadline = end_of_age(id, now);
    wheel_.arm(id.index, next_due(link, sessions_.find(link.session)));
  });
  look_at_memory();
}

}  // namespace onehop::core
