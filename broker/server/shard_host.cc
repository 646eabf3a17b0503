// ShardHost: see the header.
#include "server/shard_host.h"

#include <sodium/randombytes.h>
#include <time.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "onehop/v1/onehop.pb.h"

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
constexpr uint64_t kAcceptRetryMs = 100;

uint64_t clock_ns() {
  timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<uint64_t>(at.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(at.tv_nsec);
}

// The code's name without the enum's prefix; empty for 0.
std::string_view code_name(uint32_t code) {
  constexpr std::string_view kPrefix = "CODE_";
  std::string_view name = v1::Code_Name(static_cast<v1::Code>(code));
  if (code == 0 || !name.starts_with(kPrefix)) return {};
  return name.substr(kPrefix.size());
}

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

ShardHost::ShardHost(const core::ShardConfig& config, reactor::Loop& loop, ConnectionLimit& limit,
                     const std::function<void(const BrokerEvent&)>& on_event)
    : loop_(loop),
      limit_(limit),
      on_event_(on_event),
      index_(config.index),
      shard_(config, *this),
      lingering_(loop, reactor::LingeringClose::kLingerMsMax, limit.lingering_max()),
      wake_(loop, [] {}),
      retry_accept_(loop, [this] { resume_accepting(); }),
      mailbox_(loop, [this](ShardMail mail) { take(std::move(mail)); }) {
  loop_.after_events = [this] { flush(); };
  loop_.before_sleep = [this] { before_sleep(); };
}

ShardHost::~ShardHost() {
  ended_ = true;
  loop_.after_events = nullptr;
  loop_.before_sleep = nullptr;
  listeners_.clear();
  connections_.for_each([](ConnectionId, Connection& connection) {
    if (connection.is_open()) connection.close();
  });
  while (connections_.size() != 0) loop_.turn();  // Each tells on_closed.
}

bool ShardHost::listen(const reactor::SocketAddress& address, const reactor::ListenOptions& options,
                       reactor::SocketAddress& bound, std::string& error) {
  auto listener = reactor::Listener::open(
      loop_, address, options, [this](reactor::Fd fd, const reactor::SocketAddress&) { accept(std::move(fd)); }, error);
  if (listener == nullptr) return false;
  bound = listener->local_address();
  listeners_.push_back(std::move(listener));
  return true;
}

// Links and connections.

void ShardHost::accept(reactor::Fd fd) {
  if (!limit_.take()) {
    // Another shard took the last place just now, and there is no going back to the backlog.
    waiting_ = std::move(fd);
    return pause_accepting();
  }
  welcome(std::move(fd));
  if (!limit_.has_room()) pause_accepting();
  event_taken();
}

// Its first frame is often there already. Then a client whose home is another shard moves on before this loop was told
// to watch it.
void ShardHost::welcome(reactor::Fd fd) {
  const std::span<char> space = shard_.receive_space();
  const size_t size = reactor::receive(fd.get(), space).bytes;
  const ConnectionId id = begin(std::move(fd), {}, now() + core::kConnectDeadlineMs);
  if (size != 0) {
    shard_.on_received(connections_[id.index].link, size, now());
    flush();
  }
  watch(id);
}

ShardHost::ConnectionId ShardHost::begin(reactor::Fd fd, core::Bytes unread, core::Instant connect_deadline) {
  const ConnectionId id = connections_.insert(loop_, static_cast<reactor::SocketHandler&>(*this));
  Connection& connection = connections_[id.index];
  connection.index = id.index;
  connection.hold(std::move(fd));
  connection.set_reading(true);
  connection.link = shard_.on_link({{reinterpret_cast<uint64_t>(&connection)}, connect_deadline, unread}, now());
  return id;
}

void ShardHost::watch(ConnectionId id) {
  Connection* connection = connections_.find(id);
  if (connection == nullptr || connection->watch() == 0) return;
  shard_.on_link_failed(connection->link, now());
  on_closed(*connection);
}

void ShardHost::on_readable(reactor::Socket& socket) {
  auto& connection = static_cast<Connection&>(socket);
  // Where very many wait to be written to, reading on is by far the smaller part: each of them gets more with one
  // write.
  while (receive(connection) && events_unflushed_ != 0 && shard_.links_to_write() >= kManyLinks) {
  }
}

// Whether there is likely more to receive.
bool ShardHost::receive(Connection& connection) {
  const std::span<char> space = shard_.receive_space();
  const reactor::IoResult received = connection.receive(space);
  switch (received.status) {
    case reactor::IoResult::Status::kTransferred:
      shard_.on_received(connection.link, received.bytes, now());
      break;
    case reactor::IoResult::Status::kWouldBlock:
      return false;
    case reactor::IoResult::Status::kEndOfStream:
      connection.set_reading(false);
      shard_.on_end_of_stream(connection.link, now());
      break;
    case reactor::IoResult::Status::kError:
      fail(connection);
      break;
  }
  event_taken();
  return received.bytes == space.size() && connection.is_open() && connection.reading();
}

void ShardHost::on_writable(reactor::Socket& socket) {
  auto& connection = static_cast<Connection&>(socket);
  connection.want_writable(false);
  shard_.on_writable(connection.link, now());
  event_taken();
}

void ShardHost::on_closed(reactor::Socket& socket) {
  const auto& connection = static_cast<const Connection&>(socket);
  if (!connection.moved) limit_.give_back();
  connections_.erase(connections_.id_at(connection.index));
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
  connection_of(link).set_reading(reading);
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
  mailboxes_[home]->post(HandOver{connection.release(), std::string(unread), connect_deadline});
}

// Shards.

void ShardHost::post(core::ShardIndex to, core::Parcel parcel) {
  mailboxes_[to]->post(ArrivingParcel{index_, std::move(parcel)});
}

void ShardHost::give_back(core::ShardIndex to, core::Parcel parcel) {
  mailboxes_[to]->post(ReturningParcel{index_, std::move(parcel)});
}

void ShardHost::take(ShardMail mail) {
  if (ended_) return;  // What it owns ends with it.
  std::visit(Overloaded{
                 [this](HandOver& m) { watch(begin(std::move(m.fd), m.unread, m.connect_deadline)); },
                 [this](ArrivingParcel& m) { shard_.on_parcel(m.from, std::move(m.parcel), now()); },
                 [this](ReturningParcel& m) { shard_.on_credit(m.to, std::move(m.parcel), now()); },
                 [this](CountersWanted& m) { m.answer(shard_.counters()); },
                 [this](StopWanted& m) { begin_stop(m.deadline_ms); },
             },
             mail);
  event_taken();
}

// There are no credentials yet: everybody is welcome, and nobody in particular.
core::Verdict ShardHost::ask(core::Ticket, const core::Question&, core::Answer& answer) {
  answer.accepted = true;
  return core::Verdict::kAnswered;
}

void ShardHost::note(const core::Event& event) {
  if (!on_event_) return;
  std::string peer;
  if (event.link.value != 0 && connection_of(event.link).is_open()) {
    const auto address = reactor::SocketAddress::peer_of(connection_of(event.link).fd());
    if (address.size() != 0) peer = address.text();  // Nobody, once the peer has reset the connection.
  }
  BrokerEvent::Kind kind{};
  switch (event.kind) {
    case core::Event::Kind::kSessionOpened:
      kind = BrokerEvent::Kind::kSessionOpened;
      break;
    case core::Event::Kind::kSessionDetached:
      kind = BrokerEvent::Kind::kSessionDetached;
      break;
    case core::Event::Kind::kSessionResumed:
      kind = BrokerEvent::Kind::kSessionResumed;
      break;
    case core::Event::Kind::kSessionEnded:
      kind = BrokerEvent::Kind::kSessionEnded;
      break;
    case core::Event::Kind::kTakenOver:
      kind = BrokerEvent::Kind::kTakenOver;
      break;
    case core::Event::Kind::kConnectRefused:
      kind = BrokerEvent::Kind::kConnectRefused;
      break;
    case core::Event::Kind::kConnectionEnded:
      kind = BrokerEvent::Kind::kConnectionEnded;
      break;
  }
  on_event_({kind, index_, peer, event.name, event.session, code_name(event.code), event.text});
}

void ShardHost::random(std::span<char> out) {
  randombytes_buf(out.data(), out.size());
}

// Accepting and its end.

void ShardHost::pause_accepting() {
  if (std::exchange(accepting_paused_, true)) return;
  for (const auto& listener : listeners_) listener->pause();
  retry_accept_.arm_at(loop_.now_ms() + kAcceptRetryMs);
  tell(BrokerEvent::Kind::kAcceptPaused);
}

void ShardHost::resume_accepting() {
  if (waiting_ && limit_.take()) {
    welcome(std::move(waiting_));
    event_taken();
  }
  if (waiting_ || !limit_.has_room()) return retry_accept_.arm_at(loop_.now_ms() + kAcceptRetryMs);
  accepting_paused_ = false;
  for (const auto& listener : listeners_) listener->resume();
  tell(BrokerEvent::Kind::kAcceptResumed);
}

void ShardHost::tell(BrokerEvent::Kind kind) {
  if (on_event_) on_event_({kind, index_, {}, {}, 0, {}, {}});
}

void ShardHost::begin_stop(uint64_t deadline_ms) {
  stop_deadline_ = now() + deadline_ms;
  if (std::exchange(stopping_, true)) return;
  listeners_.clear();
  retry_accept_.disarm();
  waiting_.reset();
  shard_.stop(now());
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
  events_unflushed_ = 0;
  do {
    shard_.flush(now());
  } while (report_failures() || shard_.flush_wanted());
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
  flush();
  core::Instant next = shard_.on_tick(now());
  while (shard_.flush_wanted()) {
    flush();
    next = shard_.on_tick(now());
  }
  if (stopping_ && now() >= stop_deadline_) {
    shard_.stop(now());
    flush();
    return loop_.stop();
  }
  if (stopping_ && drained() && shard_.stopped()) return loop_.stop();
  if (stopping_) next = std::min(next, stop_deadline_);
  if (next == core::Instant::never()) return wake_.disarm();
  wake_.arm_at(next.ms);
}

}  // namespace onehop::server
