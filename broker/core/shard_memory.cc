// Shard: its part in keeping what all shards hold below the limit of the process (memory_ledger.h).
//
// What is compared for each message is one number, the allowance; where it is used up, at each flush and at each tick
// the shard tells the ledger what it holds and gets a new one.
#include <algorithm>
#include <utility>

#include "core/planted.h"
#include "core/shard.h"

namespace onehop::core {
namespace {

constexpr size_t kEndedPerTurn = 64;

}  // namespace

uint64_t Shard::memory_used() const {
  const Counters& c = counters_;
  return c.queued_bytes + c.open_bytes + c.decoder_bytes + c.links * kLinkMemoryBytes +
         c.sessions * kSessionMemoryBytes;
}

void Shard::look_at_memory() {
  counters_.memory_bytes = memory_used();
  const MemoryLedger::Look look = ledger_.publish(config_.index, counters_.memory_bytes);
  counters_.memory_stage = static_cast<uint64_t>(look.stage);
  const bool refuses = look.stage != MemoryStage::kFree;
  memory_allowance_ = refuses ? 0 : counters_.queued_bytes + counters_.open_bytes + look.share;
  if (look.began) note_memory(Event::Kind::kMemoryRefusing);
  if (look.ended) note_memory(Event::Kind::kMemoryFree);
}

// The allowance is used up: whether there is more.
bool Shard::has_memory() {
  look_at_memory();
  return counters_.queued_bytes + counters_.open_bytes < memory_allowance_;
}

// The shard that holds most ends clients by itself, as soon as it sees that it must; others only see to it that it
// looks.
void Shard::watch_memory(Instant now) {
  look_at_memory();
  if (stopping_ || ledger_.stage() != MemoryStage::kEnding) return;  // Stopping ends everything anyway.
  if (ledger_.largest() == config_.index) {
    memory_turn_ = now >= next_memory_turn_;
  } else if (const auto largest = ledger_.take_turn(now)) {
    tell_peer(RecordKind::kEndLargest, origin_of({}), {}, *largest);
  }
}

// What ends with a session, as far as it differs from one to the next.
size_t Shard::held_for(const Session& session) const {
  const Link* const link = session.link ? &links_[session.link.index] : nullptr;
  size_t held = queued_for(session, link) + (link == nullptr ? 0 : link->decoder.held_bytes());
  if (const Backlog* backlog = session.backlog.get()) {
    held += backlog->open_bytes() + backlog->open() * sizeof(Backlog::Entry);
  }
  return held;
}

// Those that hold most, the largest first.
std::vector<SessionId> Shard::hold_most() {
  std::vector<std::pair<size_t, SessionId>> holders;
  sessions_.for_each([&](SessionId id, Session& session) {
    if (const size_t held = held_for(session); held != 0) holders.emplace_back(held, id);
  });
  const auto more = [](const auto& a, const auto& b) { return a.first > b.first; };
  const size_t count = std::min(holders.size(), kEndedPerTurn);
  const auto end = holders.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(holders.begin(), end, holders.end(), more);
  if (ONEHOP_PLANTED(kWrongOneEnded)) std::reverse(holders.begin(), holders.end());
  std::vector<SessionId> largest;
  for (size_t i = 0; i < count; ++i) largest.push_back(holders[i].second);
  return largest;
}

// This shard is to free memory: it ends the clients that hold most until enough is free. What is left is
// looked at after each, so that nobody is ended who need not be.
void Shard::end_largest(Instant now) {
  memory_turn_ = false;
  bool freed = false;
  if (!stopping_ && ledger_.stage() == MemoryStage::kEnding) {
    for (const SessionId id : hold_most()) {
      end_for_memory(id, now);
      look_at_memory();
      freed = true;
      if (ledger_.has_freed_enough() || ledger_.largest() != config_.index) break;
    }
  }
  look_at_memory();
  if (!freed) next_memory_turn_ = now + MemoryLedger::kTurnMs;
  ledger_.end_turn(now);
}

void Shard::end_for_memory(SessionId id, Instant now) {
  Session& session = sessions_[id.index];
  const Farewell farewell{v1::CODE_SERVER_BUSY, "the broker is out of memory, and this client holds the most of it",
                          jittered_lease(origin_of(id))};
  ++counters_.memory_ended;
  const LinkId link = session.link;
  const HostLink host_link = link ? links_[link.index].host : HostLink{};
  host_.note({Event::Kind::kMemoryEnding, host_link, session.name.name(), session.number, v1::CODE_SERVER_BUSY,
              farewell.text});
  if (!link) return end_session(id, Event::Kind::kSessionEnded, farewell);
  end_link(link, links_[link.index], farewell, now, SessionThen::kEnd);
  drop_decoder(links_[link.index]);
}

void Shard::note_memory(Event::Kind kind) {
  host_.note({kind, {}, {}, 0, 0, {}});
}

}  // namespace onehop::core
