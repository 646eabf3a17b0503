// MemoryGuard: see the header. One number, the allowance, is compared for each message. Where it is used up, and at
// each flush and tick, the shard tells the ledger what it holds and gets a new one.
#include "core/shard/memory_guard.h"

#include <algorithm>
#include <utility>

#include "core/shard/shard_parts.h"

namespace onehop::core {
namespace {

constexpr size_t kEndedPerTurn = 64;
// How many sessions that hold nothing may make place for one newcomer: each takes less than a connection with its
// session.
constexpr int kEvictedForOne = 4;
constexpr uint64_t kPauseMsMax = 64;
// What may be left to write to a client that is ended: small frames, and the goodbye.
constexpr size_t kOutputKeptMax = 16 << 10;

}  // namespace

MemoryGuard::MemoryGuard(ShardParts& shard) : shard_(shard), spare_output_(shard.counters.spare_bytes) {}

// The others go on without this shard.
MemoryGuard::~MemoryGuard() {
  shard_.ledger.publish(shard_.config.index, 0, 0, 0);
}

uint64_t MemoryGuard::memory_of_clients() const {
  return shard_.counters.links * kLinkMemoryBytes + shard_.counters.sessions * kSessionMemoryBytes +
         shard_.counters.transport_bytes;
}

uint64_t MemoryGuard::memory_used() const {
  return shard_.counters.held_bytes() + memory_of_clients();
}

// Clients alone, idle ones too, may take half of the memory, as far as this shard's share of them tells: if they took
// more, nothing might ever be free for messages again.
bool MemoryGuard::is_share_of_clients(uint64_t bytes) const {
  return bytes * shard_.config.count >= shard_.ledger.bytes_max() / 2;
}

// Whether a newcomer, whose link is here already, is let in.
bool MemoryGuard::has_memory_for_client() const {
  return shard_.ledger.stage() == MemoryStage::kFree && !is_share_of_clients(memory_of_clients());
}

bool MemoryGuard::is_full() const {
  if (!shard_.sessions.away_list().empty()) return false;
  return shard_.sessions.size() >= shard_.config.limits.sessions_max ||
         is_share_of_clients(memory_of_clients() + kLinkMemoryBytes);
}

bool MemoryGuard::has_place_for_client() {
  for (int evicted = 0;; ++evicted) {
    if (shard_.sessions.size() < shard_.config.limits.sessions_max && has_memory_for_client()) return true;
    if (shard_.sessions.away_list().empty() || evicted == kEvictedForOne || shard_.ledger.stage() != MemoryStage::kFree)
      return false;
    ++shard_.counters.sessions_evicted;
    shard_.sessions.end_session(shard_.sessions.away_list().first(), Event::Kind::kSessionEnded,
                                {v1::CODE_SERVER_BUSY, "it was away, held nothing, and its place was needed", 0});
  }
}

void MemoryGuard::count_spare_output() {
  spare_output_.set(spare_output_bytes());
}

size_t MemoryGuard::spare_output_bytes() const {
  const size_t queued_bytes = shard_.counters.queued_bytes - shard_.counters.waiting_bytes;
  const size_t copied_bytes = queued_bytes - std::min(queued_bytes, shard_.segments.referenced_bytes());
  return shard_.segments.live_bytes() - copied_bytes;
}

void MemoryGuard::look_at_memory() {
  shard_.counters.memory_bytes = memory_used();
  const MemoryLedger::Look look = shard_.ledger.publish(shard_.config.index, shard_.counters.memory_bytes,
                                                        shard_.counters.held_bytes(), shard_.counters.away_bytes);
  shard_.counters.memory_stage = static_cast<uint64_t>(look.stage);
  const bool refuses = look.stage != MemoryStage::kFree;
  allowance_ = refuses ? 0 : shard_.counters.queued_bytes + shard_.counters.open_bytes + look.share;
  if (look.began) note_memory(Event::Kind::kMemoryRefusing);
  if (look.ended) note_memory(Event::Kind::kMemoryFree);
}

bool MemoryGuard::has_memory_for(const Session& recipient) {
  if (!recipient.link && shard_.ledger.away_is_full()) return false;
  if (shard_.counters.queued_bytes + shard_.counters.open_bytes < allowance_) return true;
  look_at_memory();
  if (shard_.counters.queued_bytes + shard_.counters.open_bytes < allowance_) return true;
  return shard_.ledger.has_reserve() && held_for(recipient) <= shard_.ledger.modest_bytes();
}

void MemoryGuard::count_away(SessionId id, Session& session) {
  Away& away = *session.away;
  const uint64_t held = held_for(session);
  shard_.counters.away_bytes += held - away.held_bytes;
  away.held_bytes = held;
  if (away.listed == holds_nothing(session)) return;
  if (away.listed) return shard_.sessions.away_list().remove(id);
  shard_.sessions.away_list().add(id);
}

// Whether only the session's own client would notice its end. No message waits for it, and its client has acknowledged
// the outcome of every message that it sent. The client gets a new session.
bool MemoryGuard::holds_nothing(const Session& session) {
  const Sending* const sending = session.sending.get();
  return (session.backlog == nullptr || session.backlog->empty()) &&
         (sending == nullptr || (sending->open_messages == 0 && sending->receipts.outcomes() == 0));
}

// It is not away any more.
void MemoryGuard::uncount_away(SessionId id, Session& session) {
  shard_.counters.away_bytes -= std::exchange(session.away->held_bytes, 0);
  shard_.sessions.away_list().remove(id);
}

// The share of those that are away is used up: the largest of them end, on the shards where they hold most.
void MemoryGuard::end_largest_away() {
  const auto is_away = [](const Session& session) { return !session.link; };
  while (!shard_.ledger.away_has_freed_enough() && shard_.ledger.holds_much_for_away(shard_.counters.away_bytes)) {
    const std::vector<SessionId> largest = hold_most(is_away);
    for (const SessionId id : largest) {
      end_for_memory(id);
      look_at_memory();
      if (shard_.ledger.away_has_freed_enough()) return;
    }
    if (largest.empty()) return;
  }
}

// Tells the ledger what the shard holds. If clients must end, only the shard that could free most ends some. This shard
// takes its turn if it is that one; otherwise it sends kEndLargest to that one, so that it looks.
void MemoryGuard::watch_memory() {
  look_at_memory();
  shard_.ledger.watch(shard_.now());
  if (shard_.ledger.away_is_full() && !shard_.shutdown.stopping()) end_largest_away();
  if (shard_.shutdown.stopping() || !shard_.ledger.must_end(shard_.now())) return;  // Stopping ends everything anyway.
  if (shard_.ledger.largest() == shard_.config.index) {
    turn_ = shard_.now() >= next_turn_;
  } else if (const auto largest = shard_.ledger.take_turn(shard_.now())) {
    shard_.crossing.tell_peer(RecordKind::kEndLargest, shard_.origin_of(SessionId{}), {}, *largest);
  }
}

// The memory that would be free if the session ended, without the fixed part that all sessions have.
size_t MemoryGuard::held_for(const Session& session) const {
  const Link* const link = session.link ? &shard_.links[session.link.index] : nullptr;
  size_t held = queued_for(session, link) + (link == nullptr ? 0 : link->decoder.held_bytes());
  if (const Backlog* backlog = session.backlog.get()) {
    held += backlog->open_weight() + backlog->spare_bytes();
  }
  if (const Sending* sending = session.sending.get()) held += sending->receipts.held_bytes() + sending->account.bytes();
  if (session.senders != nullptr) held += session.senders->held_bytes();
  if (session.control != nullptr) held += session.control->held_bytes();
  return held + shard_.subscriptions.held_for(session) + shard_.presence.held_for(session);
}

// Those of some sort that hold most, the largest first.
std::vector<SessionId> MemoryGuard::hold_most(bool (*counts)(const Session& session)) {
  std::vector<std::pair<size_t, SessionId>> holders;
  shard_.sessions.for_each([&](SessionId id, Session& session) {
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
void MemoryGuard::end_largest() {
  turn_ = false;
  const uint64_t before = memory_used();
  if (!shard_.shutdown.stopping() && shard_.ledger.must_end(shard_.now())) {
    const bool may_free_enough = end_newcomers();
    look_at_memory();
    // What the newcomers' transports held is free only once they are closed, so clients may be spared in this turn.
    // They are not spared in two turns in a row, however many newcomers there are then.
    spared_clients_ = may_free_enough && !spared_clients_;
    if (!spared_clients_ && !shard_.ledger.has_freed_enough(shard_.now())) end_those_who_hold_most();
  }
  look_at_memory();
  // After each turn that freed nothing the pause doubles, because a search through many clients takes long.
  pause_ms_ = memory_used() < before ? 0 : std::clamp(2 * pause_ms_, MemoryLedger::kTurnMs, kPauseMsMax);
  next_turn_ = shard_.now() + (spared_clients_ ? kPauseMsMax : pause_ms_);
  shard_.ledger.end_turn(shard_.now());
}

void MemoryGuard::end_those_who_hold_most() {
  for (const SessionId id : hold_most([](const Session&) { return true; })) {
    end_for_memory(id);
    look_at_memory();
    if (shard_.ledger.has_freed_enough(shard_.now()) || shard_.ledger.largest() != shard_.config.index) return;
  }
}

// Ends connections whose handshake is not complete, and links that have not sent a whole Connect. They end before
// clients with names, because the broker has promised them nothing. What their transports hold is known to the host
// alone, so links that hold nothing here end too. Returns whether their transports will free memory.
bool MemoryGuard::end_newcomers() {
  const bool has_transports = shard_.counters.transport_bytes != 0;
  if (has_transports) shard_.counters.transport_bytes = shard_.host.end_arrivals();
  std::vector<LinkId> unnamed;
  shard_.links.for_each([&](LinkId id, const Link& link) {
    const bool may_hold = link.decoder.held_bytes() != 0 || has_transports;
    if (link.state == LinkState::kLobby && may_hold) unnamed.push_back(id);
  });
  for (const LinkId id : unnamed) {
    Link& link = shard_.links[id.index];
    const uint32_t retry_after_ms = shard_.jittered_lease(shard_.origin_of(id));
    shard_.endings.refuse_connect(id, link, {}, {v1::CODE_SERVER_BUSY, "the broker is out of memory", retry_after_ms});
    shard_.endings.drop_decoder(link);
  }
  return has_transports && !unnamed.empty();
}

void MemoryGuard::end_for_memory(SessionId id) {
  Session& session = shard_.sessions[id.index];
  const Farewell farewell{v1::CODE_SERVER_BUSY, "the broker is out of memory, and this client holds the most of it",
                          shard_.jittered_lease(shard_.origin_of(id))};
  ++shard_.counters.memory_ended;
  const LinkId link = session.link;
  const HostLink host_link = link ? shard_.links[link.index].host : HostLink{};
  shard_.host.note({Event::Kind::kMemoryEnding, host_link, session.name.name(), session.number, v1::CODE_SERVER_BUSY,
                    farewell.text});
  if (!link) return shard_.sessions.end_session(id, Event::Kind::kSessionEnded, farewell);
  const size_t spare_output = spare_output_bytes();
  shard_.endings.end_link(link, shard_.links[link.index], farewell, SessionThen::kEnd);
  shard_.endings.drop_decoder(shard_.links[link.index]);
  drop_large_output(shard_.links[link.index]);
  // What this client held is taken off at once. Otherwise more clients would be ended for it.
  const size_t freed = spare_output - std::min(spare_output, spare_output_bytes());
  spare_output_.set(spare_output_.bytes() - std::min(spare_output_.bytes(), freed));
}

// The rest of a large frame that has been begun would stay until its reader takes it. So the frame ends here, and no
// goodbye can follow it.
void MemoryGuard::drop_large_output(Link& link) {
  if (link.output.bytes() <= kOutputKeptMax) return;
  shard_.counters.messages_dropped += link.output.count_frames(is_unconfirmed_delivery);
  shard_.counters.queued_bytes -= link.output.bytes();
  link.output.clear(shard_.segments);
}

void MemoryGuard::note_memory(Event::Kind kind) {
  shard_.host.note({kind, {}, {}, 0, 0, {}});
}

Instant MemoryGuard::next_look() const {
  return shard_.counters.memory_stage == 0 ? Instant::never() : shard_.now() + MemoryLedger::kTurnMs;
}

}  // namespace onehop::core
