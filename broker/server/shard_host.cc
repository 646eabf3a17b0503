// ShardHost: see the header.
#include "server/shard_host.h"

#include <sodium/randombytes.h>
#include <time.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace onehop::server {
namespace {

// An iteration of the loop may dispatch thousands of events. Output goes out earlier than at its end after so many of
// them, or after so long, so that the first in a batch does not pay for the last (ADR 6).
constexpr uint32_t kEventsPerFlush = 64;
constexpr uint64_t kFlushAfterNs = 50'000;
// A write costs some 4 µs, so a quarter of that may pass for each link that waits to be written to. From so many links
// on, a connection with more to receive is read on meanwhile.
constexpr size_t kManyLinks = 64;
constexpr uint64_t kFlushNsPerLink = 1'000;
// To begin or end a session costs as much as very many messages. Thousands may come or go at once; so many of each are
// dealt with in one turn of the loop, and in between the others' messages are.
constexpr size_t kComingsPerTurn = 64;

uint64_t clock_ns() {
  timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<uint64_t>(at.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(at.tv_nsec);
}

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

ShardHost::ShardHost(const core::ShardConfig& config, reactor::Loop& loop, ArrivalRules& rules, RecentEnds& recent_ends,
                     const std::function<void(const BrokerEvent&)>& on_event)
    : loop_(loop),
      recent_ends_(recent_ends),
      on_event_(on_event),
      index_(config.index),
      shard_(config, *this),
      lingering_(loop, reactor::LingeringClose::kLingerMsMax, rules.connections.lingering_max()),
      wake_(loop, [] {}),
      mailbox_(loop, [this](ShardMail mail) { take(std::move(mail)); }),
      arrivals_(loop, rules, *this),
      counted_sessions_(rules.addresses) {
  loop_.after_events = [this] { flush(); };
  loop_.before_sleep = [this] { before_sleep(); };
}

ShardHost::~ShardHost() {
  ended_ = true;
  loop_.after_events = nullptr;
  loop_.before_sleep = nullptr;
  arrivals_.stop();
  connections_.for_each([](ConnectionId, Connection& connection) {
    if (connection.is_open()) connection.close();
  });
  while (connections_.size() != 0) loop_.turn();  // Each tells on_closed.
}

// Links and connections.

// Its first frame is often there already. Then a client whose home is another shard moves on before this loop was told
// to watch it.
void ShardHost::on_arrival(Arrival arrival) {
  lag_.event_begins(clock_ns);
  size_t size = 0;
  const bool to_be_read = arrival.refusal.code == 0 && arrival.unread.empty();
  if (to_be_read) size = reactor::receive(arrival.fd.get(), shard_.receive_space({})).bytes;
  const ConnectionId id = begin(std::move(arrival));
  if (size != 0) shard_.on_received(connections_[id.index].link, size, now());
  if (size != 0 || !to_be_read) flush();
  watch(id);
  event_taken();
}

ShardHost::ConnectionId ShardHost::begin(Arrival arrival) {
  const ConnectionId id = connections_.insert(loop_, static_cast<reactor::SocketHandler&>(*this));
  Connection& connection = connections_[id.index];
  connection.index = id.index;
  if (arrival.source != nullptr) {
    connection.in_sources = true;
    sources_[id.index] = std::move(arrival.source);
  }
  connection.hold(std::move(arrival.fd));
  connection.set_reading(true);
  const core::HostLink host_link{reinterpret_cast<uint64_t>(&connection)};
  connection.link = shard_.on_link({host_link, arrival.connect_deadline, arrival.unread, arrival.refusal}, now());
  return id;
}

void ShardHost::watch(ConnectionId id) {
  Connection* connection = connections_.find(id);
  if (connection == nullptr || connection->watch() == 0) return;
  shard_.on_link_failed(connection->link, now());
  on_closed(*connection);
}

void ShardHost::on_readable(reactor::Socket& socket) {
  lag_.event_begins(clock_ns);
  auto& connection = static_cast<Connection&>(socket);
  // It stays readable for the next turn.
  if (!connection.named && ++hellos_ > kComingsPerTurn) return shard_.on_unread(connection.link);
  // Where very many wait to be written to, reading on is by far the smaller part: each of them gets more with one
  // write.
  bool more;
  do {
    more = receive(connection);
  } while (more && events_unflushed_ != 0 && shard_.links_to_write() >= kManyLinks);
  if (more) shard_.on_unread(connection.link);
}

// Whether there is likely more to receive.
bool ShardHost::receive(Connection& connection) {
  const std::span<char> space = shard_.receive_space(connection.link);
  const reactor::IoResult received = connection.receive(space);
  switch (received.status) {
    case reactor::IoResult::Status::kTransferred:
      shard_.on_received(connection.link, received.bytes, now());
      break;
    case reactor::IoResult::Status::kWouldBlock:
      return false;
    case reactor::IoResult::Status::kEndOfStream:
      connection.set_reading(false);
      if (!std::exchange(connection.leaving, true)) leaving_.push_back(connections_.id_at(connection.index));
      break;
    case reactor::IoResult::Status::kError:
      fail(connection);
      break;
  }
  event_taken();
  return received.bytes == space.size() && connection.is_open() && connection.reading();
}

void ShardHost::on_writable(reactor::Socket& socket) {
  lag_.event_begins(clock_ns);
  auto& connection = static_cast<Connection&>(socket);
  connection.want_writable(false);
  shard_.on_writable(connection.link, now());
  event_taken();
}

void ShardHost::on_closed(reactor::Socket& socket) {
  auto& connection = static_cast<Connection&>(socket);
  if (!connection.moved) arrivals_.give_back(take_source(connection).get());
  connections_.erase(connections_.id_at(connection.index));
}

const Source* ShardHost::source_of(const Connection& connection) const {
  return connection.in_sources ? sources_.find(connection.index)->second.get() : nullptr;
}

std::unique_ptr<Source> ShardHost::take_source(Connection& connection) {
  if (!connection.in_sources) return nullptr;
  connection.in_sources = false;
  return std::move(sources_.extract(connection.index).mapped());
}

void ShardHost::fail(Connection& connection) {
  shard_.on_link_failed(connection.link, now());
  connection.close();
}

size_t ShardHost::write(core::HostLink link, std::span<const core::Iov> pieces) {
  static_assert(sizeof(core::Iov) == sizeof(iovec) && offsetof(core::Iov, data) == offsetof(iovec, iov_base) &&
                offsetof(core::Iov, size) == offsetof(iovec, iov_len));
  Connection& connection = connection_of(link);
  if (connection.failed) return 0;
  const reactor::IoResult sent =
      connection.send(reinterpret_cast<const iovec*>(pieces.data()), static_cast<int>(pieces.size()));
  size_t offered = 0;
  for (const core::Iov& piece : pieces) offered += piece.size;
  if (sent.status == reactor::IoResult::Status::kError) {
    connection.failed = true;
    failed_.push_back(connections_.id_at(connection.index));
  } else if (sent.bytes < offered) {
    connection.want_writable(true);
  }
  return sent.bytes;
}

void ShardHost::set_reading(core::HostLink link, bool reading) {
  Connection& connection = connection_of(link);
  connection.set_reading(reading);
  if (!reading) connection.leaving = false;  // The end of its stream waits, and will be met again.
}

void ShardHost::close(core::HostLink link, core::CloseHow how) {
  Connection& connection = connection_of(link);
  if (how == core::CloseHow::kGraceful && !connection.failed) return lingering_.take(connection.release());
  connection.close();
}

void ShardHost::hand_over(core::HostLink link, core::ShardIndex home, core::Bytes unread,
                          core::Instant connect_deadline) {
  Connection& connection = connection_of(link);
  connection.moved = true;
  // on_closed may come before release() returns, and takes the connection with it.
  std::unique_ptr<Source> source = take_source(connection);
  mailboxes_[home]->post(HandOver{connection.release(), std::string(unread), connect_deadline, std::move(source)});
}

// Shards.

void ShardHost::post(core::ShardIndex to, core::Parcel parcel) {
  mailboxes_[to]->post(ArrivingParcel{index_, std::move(parcel)});
}

void ShardHost::give_back(core::ShardIndex to, core::Parcel parcel) {
  mailboxes_[to]->post(ReturningParcel{index_, std::move(parcel)});
}

void ShardHost::take(ShardMail mail) {
  lag_.event_begins(clock_ns);
  if (ended_) return;  // What it owns ends with it.
  std::visit(Overloaded{
                 [this](HandOver& m) { moving_in_.push_back(std::move(m)); },
                 [this](ArrivingParcel& m) { shard_.on_parcel(m.from, std::move(m.parcel), now()); },
                 [this](ReturningParcel& m) { shard_.on_credit(m.to, std::move(m.parcel), now()); },
                 [this](Inquiry& m) { m.ask(*this); },
                 [this](DrainWanted& m) { begin_drain(m); },
                 [this](StopWanted& m) { begin_stop(m); },
             },
             mail);
  event_taken();
}

// Whether there are more of them.
bool ShardHost::take_comings_and_goings() {
  for (size_t i = 0; i < kComingsPerTurn && !moving_in_.empty(); ++i) {
    HandOver moved = std::move(moving_in_.front());
    moving_in_.pop_front();
    watch(begin({std::move(moved.fd), moved.unread, moved.connect_deadline, {}, std::move(moved.source)}));
    event_taken();
  }
  for (size_t i = 0; i < kComingsPerTurn && !leaving_.empty(); ++i) {
    Connection* connection = connections_.find(leaving_.front());
    leaving_.pop_front();
    if (connection == nullptr || !connection->is_open() || !std::exchange(connection->leaving, false)) continue;
    shard_.on_end_of_stream(connection->link, now());
    event_taken();
  }
  return !moving_in_.empty() || !leaving_.empty();
}

// There are no credentials yet: everybody is welcome, and nobody in particular.
core::Verdict ShardHost::ask(core::Ticket, const core::Question& question, core::Answer& answer) {
  answer.accepted = true;
  if (counted_sessions_.wanted()) {
    answer.one_more = counted_sessions_.ask(question.link, address_of(connection_of(question.link)));
  }
  return core::Verdict::kAnswered;
}

void ShardHost::random(std::span<char> out) {
  randombytes_buf(out.data(), out.size());
}

// The end.

void ShardHost::begin_drain(const DrainWanted& wanted) {
  drain_spread_ms_ = wanted.spread_ms;
  ending_.drain(now(), now() + wanted.delay_ms, now() + wanted.deadline_ms);
  if (index_ == 0) tell(BrokerEvent::Kind::kDraining);
}

void ShardHost::begin_stop(const StopWanted& wanted) {
  drain_spread_ms_ = wanted.spread_ms;
  ending_.stop(now(), now() + wanted.deadline_ms);
}

// Towards the end, if it is time. True if there may be more to do now.
bool ShardHost::take_step() {
  const bool over = drained() && shard_.stopped();
  switch (ending_.next(now(), shard_.counters().links != 0, over)) {
    case Ending::Step::kNone:
      return false;
    case Ending::Step::kAnnounce:
      arrivals_.stop();
      shard_.drain({static_cast<uint32_t>(ending_.grace_ms(now())), drain_spread_ms_}, now());
      return true;
    case Ending::Step::kSettle:
      arrivals_.stop();
      shard_.stop(now());
      return true;
    case Ending::Step::kCut:
      shard_.stop(now());
      flush();
      loop_.stop();
      return false;
    case Ending::Step::kLeave:
      loop_.stop();
      return false;
  }
  return false;
}

// When to flush.

// Called after every event that may have given the shard something to write.
void ShardHost::event_taken() {
  const uint64_t now_ns = clock_ns();
  if (events_unflushed_++ == 0) first_unflushed_ns_ = now_ns;
  const bool late = now_ns - first_unflushed_ns_ >= std::max(kFlushAfterNs, kFlushNsPerLink * shard_.links_to_write());
  if (events_unflushed_ >= kEventsPerFlush || late || shard_.flush_wanted()) flush();
}

void ShardHost::flush() {
  const bool has_events = std::exchange(events_unflushed_, 0) != 0;
  const bool measured = load_.measures(shard_.counters().messages_delivered) && has_events;
  do {
    shard_.flush(now());
  } while (report_failures() || shard_.flush_wanted());
  if (measured) load_.flushed(first_unflushed_ns_, clock_ns());
}

// Tells the shard of connections that broke while it wrote. True if there were any: others may have to hear of it.
bool ShardHost::report_failures() {
  if (failed_.empty()) return false;
  for (const ConnectionId id : std::exchange(failed_, {})) {
    Connection* connection = connections_.find(id);
    if (connection != nullptr && connection->is_open()) fail(*connection);
  }
  return true;
}

void ShardHost::before_sleep() {
  lag_.event_begins(clock_ns);
  hellos_ = 0;
  const bool more = take_comings_and_goings();
  flush();
  // Rule 7 of the seam: the next turn does not sleep, and ticks.
  const core::Instant next = loop_.has_looked() ? tick() : now();
  full_.store(shard_.is_full(), std::memory_order_relaxed);
  lag_.looks(clock_ns());
  const core::Instant due = std::min(next, more ? now() : ending_.due());
  if (due == core::Instant::never()) return wake_.disarm();
  wake_.arm_at(due.ms);
}

core::Instant ShardHost::tick() {
  core::Instant next;
  do {
    next = shard_.on_tick(now());
    while (shard_.flush_wanted()) {
      flush();
      next = shard_.on_tick(now());
    }
  } while (take_step());
  return next;
}

uint64_t ShardHost::lag_us_max() const {
  return lag_.us_max(clock_ns());
}

}  // namespace onehop::server
