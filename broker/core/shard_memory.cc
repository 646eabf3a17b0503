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
constexpr uint64_t kPauseMsMax = 64;
// What may be left to write to a client that is ended: small frames, and the goodbye.
constexpr size_t kOutputKeptMax = 16 << 10;

}  // namespace

// What ends with clients sooner or later, beside what they take by being there.
uint64_t Shard::memory_endable() const {
  return counters_.queued_bytes + counters_.open_bytes + counters_.decoder_bytes + counters_.receipt_bytes;
}

uint64_t Shard::memory_of_clients() const {
  return counters_.links * kLinkMemoryBytes + counters_.sessions * kSessionMemoryBytes;
}

uint64_t Shard::memory_used() const {
  return memory_endable() + memory_of_clients();
}

// Clients alone, idle ones too, may take half of the memory, as far as this shard's share of them tells: if they took
// more, nothing might ever be free for messages again.
bool Shard::is_share_of_clients(uint64_t bytes) const {
  return bytes * config_.count >= ledger_.bytes_max() / 2;
}

// Whether a newcomer, whose link is here already, is let in.
bool Shard::has_memory_for_client() const {
  return ledger_.stage() == MemoryStage::kFree && !is_share_of_clients(memory_of_clients());
}

bool Shard::is_full() const {
  return sessions_.size() >= config_.limits.sessions_max || is_share_of_clients(memory_of_clients() + kLinkMemoryBytes);
}

void Shard::look_at_memory() {
  counters_.memory_bytes = memory_used();
  const MemoryLedger::Look look = ledger_.publish(config_.index, counters_.memory_bytes, memory_endable());
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

// The shard that could free most ends clients by itself, as soon as it sees that it must; others only see to it that it
// looks.
void Shard::watch_memory(Instant now) {
  look_at_memory();
  ledger_.watch(now);
  if (stopping_ || !ledger_.must_end(now)) return;  // Stopping ends everything anyway.
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
    held += backlog->open_weight();
  }
  if (session.sending != nullptr) held += session.sending->receipts.held_bytes();
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
  const uint64_t before = memory_used();
  if (!stopping_ && ledger_.must_end(now)) {
    end_unnamed(now);
    look_at_memory();
    if (!ledger_.has_freed_enough(now)) end_those_who_hold_most(now);
  }
  look_at_memory();
  // Where there is nothing to free it is looked for less and less often: that takes the longer the more clients there
  // are.
  memory_pause_ms_ = memory_used() < before ? 0 : std::clamp(2 * memory_pause_ms_, MemoryLedger::kTurnMs, kPauseMsMax);
  next_memory_turn_ = now + memory_pause_ms_;
  ledger_.end_turn(now);
}

void Shard::end_those_who_hold_most(Instant now) {
  for (const SessionId id : hold_most()) {
    end_for_memory(id, now);
    look_at_memory();
    if (ledger_.has_freed_enough(now) || ledger_.largest() != config_.index) return;
  }
}

// Whoever has sent the beginning of a Connect, and nothing was promised to, goes before those who have names.
void Shard::end_unnamed(Instant now) {
  std::vector<LinkId> unnamed;
  links_.for_each([&unnamed](LinkId id, const Link& link) {
    if (link.state == LinkState::kLobby && link.decoder.held_bytes() != 0) unnamed.push_back(id);
  });
  for (const LinkId id : unnamed) {
    Link& link = links_[id.index];
    const uint32_t retry_after_ms = jittered_lease(origin_of({id.index, id.generation}));
    refuse_connect(id, link, {}, {v1::CODE_SERVER_BUSY, "the broker is out of memory", retry_after_ms}, now);
    drop_decoder(link);
  }
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
  drop_large_output(links_[link.index]);
}

// The rest of a large frame that has been begun would stay until its reader takes it. So the frame ends here, and no
// goodbye can follow it.
void Shard::drop_large_output(Link& link) {
  if (link.output.bytes() <= kOutputKeptMax) return;
  counters_.messages_dropped += link.output.count_frames(is_unconfirmed_delivery);
  counters_.queued_bytes -= link.output.bytes();
  link.output.clear(segments_);
}

void Shard::note_memory(Event::Kind kind) {
  host_.note({kind, {}, {}, 0, 0, {}});
}

}  // namespace onehop::core
