// ShardHost: see the header.
#include "server/shard_host.h"

#include <sodium/randombytes.h>

#include <algorithm>

#include "server/clock.h"

namespace onehop::server {

ShardHost::ShardHost(const core::ShardConfig& config, reactor::Loop& loop, ArrivalRules& rules, RecentEnds& recent_ends,
                     Handlers& handlers)
    : loop_(loop),
      index_(config.index),
      handlers_(handlers),
      events_(config.index, recent_ends, handlers),
      shard_(config, *this),
      connections_(loop, *this),
      writer_(connections_),
      reader_(loop, connections_, writer_, shard_, *this),
      locals_(
          config, shard_, [this] { return now(); }, [this] { flush(); },
          [this](std::shared_ptr<LocalLink> link) { mailbox_.post(LocalNews{std::move(link)}); }),
      lingering_(loop, reactor::LingeringClose::kLingerMsMax, rules.connections.lingering_max()),
      wake_(loop, [] {}),
      mailbox_(loop, [this](ShardMail mail) { take(std::move(mail)); }),
      arrivals_(loop, rules, *this),
      rules_(rules),
      desk_(shard_, config.index, connections_, mailbox_, rules, handlers),
      observers_(config.index, handlers) {
  loop_.after_events = [this] { flush(); };
  loop_.before_sleep = [this] { before_sleep(); };
}

ShardHost::~ShardHost() {
  over_ = true;
  loop_.after_events = nullptr;
  loop_.before_sleep = nullptr;
  arrivals_.stop();
  connections_.close_all();
  while (connections_.size() != 0) loop_.turn();
}

// Links and connections.

// Its first frame is often there already. Then a client whose home is another shard moves on before this loop was told
// to watch it.
void ShardHost::on_arrival(Arrival arrival) {
  lag_.event_begins(clock_ns);
  size_t size = 0;
  const bool has_news = arrival.refusal.code != 0 || !arrival.unread.empty();
  const bool is_plain = arrival.transport == nullptr;
  if (is_plain && !has_news) size = reactor::receive(arrival.fd.get(), shard_.receive_space({})).bytes;
  const Connection& connection = begin(std::move(arrival));
  const ConnectionId id = connections_.id_of(connection);
  if (size != 0) shard_.on_received(connection.link, size, now());
  if (size != 0 || has_news) flush();
  watch(id);
  event_taken();
}

// Its transport may have an alert to send.
void ShardHost::on_turned_away(reactor::Fd fd, std::unique_ptr<transport::Transport> transport) {
  lingering_.take(std::move(fd), std::make_unique<CountedTransport>(std::move(transport), connections_.held_bytes()));
}

Connection& ShardHost::begin(Arrival arrival) {
  Connection& connection =
      connections_.insert(std::move(arrival.fd), std::move(arrival.source), std::move(arrival.transport));
  const core::HostLink host_link{reinterpret_cast<uint64_t>(&connection)};
  connection.link = shard_.on_link({host_link, arrival.connect_deadline, arrival.unread, arrival.refusal}, now());
  if (connection.has_transport) reader_.look_later(connection);
  return connection;
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
  if (!connection.named && !turnstile_.takes_newcomer()) return shard_.on_unread(connection.link);
  bool more;
  do {
    more = connection.has_transport ? reader_.receive(connection) : receive(connection);
  } while (more && flush_policy_.reads_on(shard_.links_to_write()));
  if (more) shard_.on_unread(connection.link);
}

// Of a plain connection. Whether there is likely more to receive.
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
      stream_ended(connection);
      break;
    case reactor::IoResult::Status::kError:
      fail(connection);
      break;
  }
  event_taken();
  return received.bytes == space.size() && connection.is_open() && connection.reading();
}

void ShardHost::on_stream(Connection& connection, News news) {
  if (news == News::kEnd) stream_ended(connection);
  if (news == News::kBroken) stream_broke(connection);
  event_taken();
}

void ShardHost::stream_ended(Connection& connection) {
  connection.set_reading(false);
  if (!std::exchange(connection.stream_ended, true)) turnstile_.ends(connections_.id_of(connection));
}

// Core is told that the link has failed, and has nothing more to say. Its transport may have.
void ShardHost::stream_broke(Connection& connection) {
  const core::Bytes why = connections_.transport_of(connection)->error();
  if (why.empty()) return fail(connection);
  const auto kind = connection.named ? BrokerEvent::Kind::kConnectionEnded : BrokerEvent::Kind::kConnectRefused;
  events_.tell(kind, peer_of({reinterpret_cast<uint64_t>(&connection)}), why);
  shard_.on_link_failed(connection.link, now());
  end(connection);
}

void ShardHost::on_writable(reactor::Socket& socket) {
  lag_.event_begins(clock_ns);
  auto& connection = static_cast<Connection&>(socket);
  connection.want_writable(false);
  if (!connection.has_transport || writer_.write_held(connection)) shard_.on_writable(connection.link, now());
  event_taken();
}

void ShardHost::on_closed(reactor::Socket& socket) {
  auto& connection = static_cast<Connection&>(socket);
  if (!connection.moved) arrivals_.give_back(connections_.take_source(connection).get());
  connections_.erase(connection);
  check_left();
}

void ShardHost::fail(Connection& connection) {
  shard_.on_link_failed(connection.link, now());
  connection.close();
}

// In order: what has been written arrives.
void ShardHost::end(Connection& connection) {
  std::unique_ptr<CountedTransport> transport = connections_.take_transport(connection);
  lingering_.take(connection.release(), std::move(transport));
}

void ShardHost::set_reading(core::HostLink link, bool reading) {
  if (LocalClients::owns(link)) return locals_.set_reading(link, reading);
  Connection& connection = connection_of(link);
  connection.set_reading(reading);
  if (!reading) connection.stream_ended = false;  // The end of its stream waits, and will be met again.
  if (reading && connection.has_transport) reader_.look_later(connection);
}

void ShardHost::close(core::HostLink link, core::CloseHow how) {
  if (LocalClients::owns(link)) return locals_.close(link);
  Connection& connection = connection_of(link);
  if (how == core::CloseHow::kAtOnce || connection.failed) return connection.close();
  if (connection.has_transport) connections_.transport_of(connection)->end();
  end(connection);
}

void ShardHost::hand_over(core::HostLink link, core::ShardIndex home, core::Bytes unread,
                          core::Instant connect_deadline) {
  Connection& connection = connection_of(link);
  connection.moved = true;
  // on_closed may come before release() returns, and takes the connection with it.
  std::unique_ptr<Source> source = connections_.take_source(connection);
  const std::unique_ptr<CountedTransport> transport = connections_.take_transport(connection);
  mailboxes_[home]->post(HandOver{connection.release(), std::string(unread), connect_deadline, std::move(source),
                                  transport == nullptr ? nullptr : transport->release()});
}

// Shards.

void ShardHost::post(core::ShardIndex to, core::Parcel parcel) {
  mailboxes_[to]->post(ArrivingParcel{index_, std::move(parcel)});
}

void ShardHost::give_back(core::ShardIndex to, core::Parcel parcel) {
  mailboxes_[to]->post(ReturningParcel{index_, std::move(parcel)});
}

void ShardHost::random(std::span<char> out) {
  randombytes_buf(out.data(), out.size());
}

// What happened.

void ShardHost::note(const core::Event& event) {
  using Kind = core::Event::Kind;
  const bool has_session = event.kind == Kind::kSessionOpened || event.kind == Kind::kSessionResumed;
  if (has_session && !LocalClients::owns(event.link)) connection_of(event.link).named = true;
  desk_.before(event);
  events_.count(event);
  if (events_.wants(event) || observers_.wanted()) {
    const std::string peer = peer_of(event.link);
    const HookDesk::Identity identity = desk_.identity_of(event.session);
    if (observers_.wanted()) observers_.note(event, peer, identity);
    events_.tell(event, peer, identity.text());
  }
  desk_.after(event, now());
}

void ShardHost::on_arrivals_event(BrokerEvent::Kind kind, std::string_view peer, std::string_view text) {
  events_.tell(kind, peer, text);
}

// Empty once the peer has reset the connection, unless a PROXY header said who it is.
std::string ShardHost::peer_of(core::HostLink link) const {
  if (link.value == 0) return {};
  if (LocalClients::owns(link)) return kLocalPeer;
  const auto address = connections_.address_of(connection_of(link));
  return address.size() == 0 ? std::string() : address.text();
}

// The end: a step towards it, if it is time. True if there may be more to do now.
bool ShardHost::take_step() {
  const bool nothing_left = drained() && shard_.stopped();
  switch (ending_.next(now(), shard_.counters().links != 0, nothing_left)) {
    case Ending::Step::kNone:
      return false;
    case Ending::Step::kAnnounce:
      if (!may_end()) return false;
      arrivals_.stop();
      shard_.drain({static_cast<uint32_t>(ending_.grace_ms(now())), ending_.spread_ms()}, now());
      return true;
    case Ending::Step::kSettle:
      if (!may_end()) return false;
      arrivals_.stop();
      shard_.stop(now());
      return true;
    case Ending::Step::kCut:
      shard_.stop(now());
      flush();
      leave();
      return false;
    case Ending::Step::kLeave:
      leave();
      return false;
  }
  return false;
}

// The end of the loop, or of its use: a program's own loop goes on. Then the connections tell in its next turns that
// they are closed, and until they all have, this must stay.
void ShardHost::leave() {
  if (loop_.owned()) return loop_.stop();
  if (std::exchange(over_, true)) return;
  all_ended_ = drained();
  wake_.disarm();
  // Core must not name them any more.
  connections_.for_each([this](Connection& connection) {
    if (connection.is_open()) fail(connection);
  });
  check_left();
}

void ShardHost::check_left() {
  if (over_ && connections_.size() == 0 && on_left_) std::exchange(on_left_, nullptr)();
}

// Whether the drain still holds: it may have been taken back just now, and the mail that says so is on its way.
bool ShardHost::may_end() {
  if (rules_.drain.announces(drain_number_)) return true;
  ending_.take_back();
  return false;
}

// Called after every event that may have given the shard something to write.
void ShardHost::event_taken() {
  if (flush_policy_.event_taken(clock_ns(), shard_.links_to_write()) || shard_.flush_wanted()) flush();
}

void ShardHost::flush() {
  if (over_) return;
  const bool has_events = flush_policy_.begin_flush();
  const bool measured = load_.measures(shard_.counters().messages_admitted) && has_events;
  shard_.set_transport_bytes(transport_bytes());
  do {
    shard_.flush(now());
  } while (report_failures() || shard_.flush_wanted());
  if (measured) load_.flushed(flush_policy_.first_event_ns(), clock_ns());
}

// Tells the shard of connections that broke while it wrote. True if there were any: others may have to hear of it.
bool ShardHost::report_failures() {
  if (!writer_.has_failed()) return false;
  for (const ConnectionId id : writer_.take_failed()) {
    Connection* connection = connections_.find(id);
    if (connection != nullptr && connection->is_open()) fail(*connection);
  }
  return true;
}

void ShardHost::before_sleep() {
  if (over_) return;
  lag_.event_begins(clock_ns);
  reader_.look();
  const bool more = take_comings_and_goings();
  flush();
  run_locals();
  reader_.tell_unread();
  // Rule 7 of the seam: a loop that has not looked for events just now must not tick. It is woken at once, looks, and
  // ticks then.
  const core::Instant next = loop_.has_looked() ? tick() : now();
  if (over_) return;
  full_.store(shard_.is_full(), std::memory_order_relaxed);
  lag_.looks(clock_ns());
  const bool at_once = more || reader_.must_look() || locals_.has_news();
  const core::Instant due = std::min({next, at_once ? now() : ending_.due(), locals_.due()});
  if (due == core::Instant::never()) return wake_.disarm();
  wake_.arm_at(due.ms);
}

// Local clients that answer each other get some rounds before the sockets have their turn.
void ShardHost::run_locals() {
  constexpr int kRounds = 8;
  for (int round = 0; round < kRounds && locals_.has_news(); ++round) {
    locals_.run();
    flush();
  }
}

uint64_t ShardHost::end_arrivals() {
  arrivals_.end_oldest_handshakes("the broker is out of memory");
  return transport_bytes();
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

uint64_t ShardHost::busy_us() const {
  return lag_.lasting_us(clock_ns());
}

}  // namespace onehop::server
