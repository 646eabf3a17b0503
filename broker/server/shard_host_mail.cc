// What other threads have posted to a shard's host.
#include <utility>

#include "server/clock.h"
#include "server/shard_host.h"

namespace onehop::server {
void ShardHost::take(ShardMail mail) {
  lag_.event_begins(clock_ns);
  if (over_) return;
  std::visit(Overloaded{
                 [this](HandOver& m) { turnstile_.moves_in(std::move(m)); },
                 [this](ArrivingParcel& m) { shard_.on_parcel(m.from, std::move(m.parcel), now()); },
                 [this](ReturningParcel& m) { shard_.on_credit(m.to, std::move(m.parcel), now()); },
                 [this](Inquiry& m) { m.ask(*this); },
                 [this](LocalNews& m) { locals_.take(m.link); },
                 [this](DrainWanted& m) {
                   ending_.drain(now(), now() + m.delay_ms, now() + m.deadline_ms, m.spread_ms);
                   drain_number_ = m.number;
                   if (index_ == 0) events_.tell(BrokerEvent::Kind::kDraining, {}, {});
                 },
                 [this](DrainTakenBack&) {
                   ending_.take_back();
                   if (index_ == 0) events_.tell(BrokerEvent::Kind::kDrainTakenBack, {}, {});
                 },
                 [this](StopWanted& m) { ending_.stop(now(), now() + m.deadline_ms, m.spread_ms); },
             },
             mail);
  event_taken();
}

// Whether there are more of them.
bool ShardHost::take_comings_and_goings() {
  return turnstile_.turn(
      [this](HandOver moved) {
        watch(connections_.id_of(begin({std::move(moved.fd),
                                        moved.unread,
                                        moved.connect_deadline,
                                        {},
                                        std::move(moved.source),
                                        std::move(moved.transport)})));
        event_taken();
      },
      [this](ConnectionId id) {
        Connection* connection = connections_.find(id);
        if (connection == nullptr || !connection->is_open() || !std::exchange(connection->stream_ended, false)) return;
        shard_.on_end_of_stream(connection->link, now());
        event_taken();
      });
}

}  // namespace onehop::server
