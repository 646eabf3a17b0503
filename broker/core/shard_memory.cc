// Shard: its part in keeping what all shards hold below the limit of the process (memory_ledger.h).
//
// What is compared for each message is one number, the allowance; where it is used up, at each flush and at each tick
// the shard tells the ledger what it holds and gets a new one.
#include <algorithm>
#include <utility>

#include "core/shard.h"

namespace onehop::core {
namespace {

constexpr size_t kEndedPerTurn = 64;
// How many that hold nothing may make place for one newcomer: each takes less than a connection with its session.
constexpr int kEvictedForOne = 4;
constexpr uint64_t kPauseMsMax = 64;
// What may be left to write to a client that is ended: small frames, and the goodbye.
constexpr size_t kOutputKeptMax = 16 << 10;

}  // namespace

uint64_t Shard::memory_of_clients() const {
  return counters_.links * kLinkMemoryBytes + counters_.sessions * kSessionMemoryBytes;
}

uint64_t Shard::memory_used() const {
  return counters_.held_bytes() + memory_of_clients();
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
  if (!away_list_.empty()) return false;
  return sessions_.size() >= config_.limits.sessions_max || is_share_of_clients(memory_of_clients() + kLinkMemoryBytes);
}

// Whether there is a place for one more session, perhaps that of one that is away and holds nothing.
bool Shard::has_place_for_client() {
  for (int evicted = 0;; ++evicted) {
    if (sessions_.size() < config_.limits.sessions_max && has_memory_for_client()) return true;
    if (away_list_.empty() || evicted == kEvictedForOne || ledger_.stage() != MemoryStage::kFree) return false;
    ++counters_.sessions_evicted;
    end_session(away_list_.first(), Event::Kind::kSessionEnded,
                {v1::CODE_SERVER_BUSY, "it was away, held nothing, and its place was needed", 0});
  }
}

// After everything that sockets take has been written: what the output queues that are left take beyond the bytes that
// are queued, which is the rest of their chunks, and their heads.
void Shard::count_spare_output() {
  spare_output_.set(spare_output_bytes());
}

size_t Shard::spare_output_bytes() const {
  const size_t queued_bytes = counters_.queued_bytes - counters_.waiting_bytes;
  const size_t copied_bytes = queued_bytes - std::min(queued_bytes, segments_.referenced_bytes());
  return segments_.live_bytes() - copied_bytes;
}

void Shard::look_at_memory() {
  counters_.memory_bytes = memory_used();
  const MemoryLedger::Look look =
      ledger_.publish(config_.index, counters_.memory_bytes, counters_.held_bytes(), counters_.away_bytes);
  counters_.memory_stage = static_cast<uint64_t>(look.stage);
  const bool refuses = look.stage != MemoryStage::kFree;
  memory_allowance_ = refuses ? 0 : counters_.queued_bytes + counters_.open_bytes + look.share;
  if (look.began) note_memory(Event::Kind::kMemoryRefusing);
  if (look.ended) note_memory(Event::Kind::kMemoryFree);
}

// The allowance is used up, or the recipient is away: whether it may be given more.
bool Shard::has_memory_for(const Session& recipient) {
  if (!recipient.link && ledger_.away_is_full()) return false;
  if (counters_.queued_bytes + counters_.open_bytes < memory_allowance_) return true;
  look_at_memory();
  if (counters_.queued_bytes + counters_.open_bytes < memory_allowance_) return true;
  return ledger_.has_reserve() && held_for(recipient) <= ledger_.modest_bytes();
}

// What it holds counts among what those that are away hold.
void Shard::count_away(SessionId id, Session& session) {
  Away& away = *session.away;
  const uint64_t held = held_for(session);
  counters_.away_bytes += held - away.held_bytes;
  away.held_bytes = held;
  if (away.listed == holds_nothing(session)) return;
  if (away.listed) return away_list_.remove(id);
  away_list_.add(id);
}

// Nobody would miss the session but its client, who gets a new one: nothing waits for it, and nothing that it sent has
// no outcome that it knows.
bool Shard::holds_nothing(const Session& session) {
  const Sending* const sending = session.sending.get();
  return (session.backlog == nullptr || session.backlog->empty()) &&
         (sending == nullptr || (sending->open_messages == 0 && sending->receipts.outcomes() == 0));
}

// It is not away any more.
void Shard::uncount_away(SessionId id, Session& session) {
  counters_.away_bytes -= std::exchange(session.away->held_bytes, 0);
  away_list_.remove(id);
}

// The share of those that are away is used up: the largest of them end, on the shards where they hold most.
void Shard::end_largest_away(Instant now) {
  const auto is_away = [](const Session& session) { return !session.link; };
  while (!ledger_.away_has_freed_enough() && ledger_.holds_much_for_away(counters_.away_bytes)) {
    const std::vector<SessionId> largest = hold_most(is_away);
    for (const SessionId id : largest) {
      end_for_memory(id, now);
      look_at_memory();
      if (ledger_.away_has_freed_enough()) return;
    }
    if (largest.empty()) return;
  }
}

// The shard that could free most ends clients by itself, as soon as it sees that it must; others only see to it that it
// looks.
void Shard::watch_memory(Instant now) {
  look_at_memory();
  ledger_.watch(now);
  if (ledger_.away_is_full() && !stopping_) end_largest_away(now);
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
    held += backlog->open_weight() + backlog->spare_bytes();
  }
  if (const Sending* sending = session.sending.get()) held += sending->receipts.held_bytes() + sending->account.bytes();
  if (session.senders != nullptr) held += session.senders->held_bytes();
  if (session.control != nullptr) held += session.control->held_bytes();
  return held;
}

// Those of some sort that hold most, the largest first.
std::vector<SessionId> Shard::hold_most(bool (*counts)(const Session& session)) {
  std::vector<std::pair<size_t, SessionId>> holders;
  sessions_.for_each([&](SessionId id, Session& session) {
    if (!counts(session)) return;
    if (const size_t held = held_for(session); held != 0) holders.emplace_back(held, id);
  });
  const auto more = [](const auto& a, const auto& b) { return a.first > b.first; };
  const size_t count = std::min(holders.size(), kEndedPerTurn);
  const auto end = holders.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(holders.begin(), end, holders.end(), more);
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
  for (const SessionId id : hold_most([](const Session&) { return true; })) {
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
  const size_t spare_output = spare_output_bytes();
  end_link(link, links_[link.index], farewell, now, SessionThen::kEnd);
  drop_decoder(links_[link.index]);
  drop_large_output(links_[link.index]);
  // At once, or more clients would end for what this one held.
  const size_t freed = spare_output - std::min(spare_output, spare_output_bytes());
  spare_output_.set(spare_output_.bytes() - std::min(spare_output_.bytes(), freed));
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
