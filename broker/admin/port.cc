// The thread, its listener and its connections.
#include "admin/port.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <list>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/access.h"
#include "admin/http_connection.h"
#include "reactor/address.h"
#include "reactor/cidr.h"
#include "reactor/lingering_close.h"
#include "reactor/listener.h"
#include "reactor/socket.h"
#include "reactor/thread.h"
#include "reactor/timer.h"

namespace onehop::admin {
namespace {

constexpr size_t kConnectionsMax = 64;
// Beyond these, for probes alone, where no other connection can make room.
constexpr size_t kProbesMax = 8;
constexpr uint64_t kLingerMsMax = 1'000;
// A full port makes room for a newcomer. A connection that rests, or whose answer waits for its reader, has its place
// for at least so long. One whose request is not whole has no such time: whoever means it sends a request at once, and
// that is answered as it comes.
constexpr uint64_t kPlaceMsMin = 1'000;

Entrance entrance_of(const reactor::Address& written, const reactor::SocketAddress& address, const Options& options) {
  Entrance entrance;
  entrance.host = written.host();
  entrance.may_carry_tokens = written.is_tls() || options.allow_plaintext;
  std::string error;
  const auto ip = reactor::IpAddress::of(address);
  if (!ip) {
    entrance.kind = Entrance::Kind::kUnix;
  } else if (reactor::Cidr::parse("127.0.0.0/8", error)->contains(*ip) ||
             reactor::Cidr::parse("::1", error)->contains(*ip)) {
    entrance.kind = Entrance::Kind::kLoopback;
  }
  return entrance;
}

class HttpPort final : public Port, public ConnectionOwner {
 public:
  HttpPort(Entrance entrance, const Options& options, Broker& broker, Actions actions)
      : access_(std::move(entrance), options.tokens), api_(broker, std::move(actions), access_), tls_(options.tls) {}
  ~HttpPort() override;

  bool open(const reactor::SocketAddress& address, std::string& error);

  std::string address() const override {
    std::string text = listener_->local_address().text();
    if (tls_ != nullptr) text.replace(0, std::string_view("tcp").size(), "tls");
    return text;
  }
  void set_tokens(Tokens tokens) override { access_.set_tokens(std::move(tokens)); }

 private:
  Answer answer(const Request& request, const std::function<std::string()>& peer) override {
    return api_.answer(request, peer);
  }
  bool is_probe(const Request& request) const override { return Api::is_probe(request); }
  void on_closed(Connection& connection) override;

  void accept(reactor::Fd fd);
  // Whether there are fewer than `most` of this kind, where need be after one of them has made room.
  bool has_room(bool for_probes, size_t most);
  void turn_away(reactor::Fd fd);
  void end_overdue();

  Access access_;
  Api api_;
  const std::shared_ptr<TransportSecurity> tls_;  // Null: connections are plain.
  reactor::Thread thread_{"onehop-admin"};
  // From here on: the loop's thread only, while it runs.
  std::optional<reactor::LingeringClose> endings_;
  // Rings when a deadline comes; the overdue are ended after the events of that turn, so that nobody suffers for the
  // time in which this thread waited for the broker.
  std::optional<reactor::Timer> alarm_;
  std::list<Connection> connections_;
  std::unique_ptr<reactor::Listener> listener_;
};

bool HttpPort::open(const reactor::SocketAddress& address, std::string& error) {
  reactor::Loop& loop = thread_.loop();
  // The file of a Unix socket is for its owner, from the moment it is there.
  const mode_t before = ::umask(0177);
  listener_ = reactor::Listener::open(
      loop, address, {}, [this](reactor::Fd fd, const reactor::SocketAddress&) { accept(std::move(fd)); }, error);
  ::umask(before);
  if (listener_ == nullptr) return false;
  endings_.emplace(loop, kLingerMsMax, kConnectionsMax);
  alarm_.emplace(loop, [this] { thread_.loop().wake(); });
  loop.after_events = [this] { end_overdue(); };
  thread_.start();
  return true;
}

HttpPort::~HttpPort() {
  if (thread_.running()) thread_.stop_and_join();
  thread_.loop().after_events = nullptr;
  listener_.reset();
  alarm_.reset();
  endings_.reset();
  for (Connection& connection : connections_) {
    if (connection.is_open()) connection.close();
  }
  while (!connections_.empty()) thread_.loop().turn();
}

void HttpPort::accept(reactor::Fd fd) {
  const bool for_probes = !has_room(false, kConnectionsMax);
  if (for_probes && !has_room(true, kProbesMax)) return turn_away(std::move(fd));
  Connection& connection = connections_.emplace_back(thread_.loop(), *endings_, *this, for_probes,
                                                     tls_ == nullptr ? nullptr : tls_->accept(thread_.loop().now_ms()));
  if (!connection.open(std::move(fd))) connections_.pop_back();
}

bool HttpPort::has_room(bool for_probes, size_t most) {
  const uint64_t now = thread_.loop().now_ms();
  size_t open = 0;
  Connection* first = nullptr;
  for (Connection& connection : connections_) {
    // Those that are closing are in the list until their memory goes, in the next turn.
    if (!connection.is_open() || connection.for_probes() != for_probes) continue;
    ++open;
    const bool may_stay = connection.doing() != Connection::Doing::kUnfinished;
    if (may_stay && now < connection.since_ms() + kPlaceMsMin) continue;
    const auto rank = [](const Connection& one) { return std::pair(one.doing(), one.since_ms()); };
    if (first == nullptr || rank(connection) < rank(*first)) first = &connection;
  }
  if (open < most) return true;
  if (first != nullptr) first->make_room();
  return first != nullptr;
}

void HttpPort::turn_away(reactor::Fd fd) {
  if (tls_ != nullptr) return;  // It would understand nothing.
  const std::string text = written(error_answer(503, "there are too many connections"), true, false);
  // A new socket takes so little; one that does not is not worth waiting for.
  static_cast<void>(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  endings_->take(std::move(fd));
}

void HttpPort::end_overdue() {
  const uint64_t now = thread_.loop().now_ms();
  if (!thread_.loop().has_looked()) return alarm_->arm_at(now);  // What has come by now is read first.
  uint64_t next = UINT64_MAX;
  for (Connection& connection : connections_) {
    if (!connection.is_open()) continue;
    if (connection.deadline_ms() <= now) {
      connection.close();
    } else {
      next = std::min(next, connection.deadline_ms());
    }
  }
  if (next == UINT64_MAX) {
    alarm_->disarm();
  } else {
    alarm_->arm_at(next);
  }
}

void HttpPort::on_closed(Connection& connection) {
  connections_.remove_if([&](const Connection& one) { return &one == &connection; });
}

}  // namespace

bool Port::check(const std::string& listen, std::string& error) {
  return reactor::Address::parse_or_tls(listen, error).has_value();
}

std::unique_ptr<Port> Port::start(const Options& options, Broker& broker, Actions actions, std::string& error) {
  const std::optional<reactor::Address> address = reactor::Address::parse_or_tls(options.listen, error);
  if (!address) return nullptr;
  if (address->is_tls() != (options.tls != nullptr)) {
    error = address->is_tls() ? "tls:// needs a certificate" : "TLS needs an address that begins with tls://";
    return nullptr;
  }
  const std::vector<reactor::SocketAddress> resolved = reactor::resolve(*address, error);
  if (resolved.empty()) return nullptr;
  auto port =
      std::make_unique<HttpPort>(entrance_of(*address, resolved.front(), options), options, broker, std::move(actions));
  if (!port->open(resolved.front(), error)) return nullptr;
  return port;
}

}  // namespace onehop::admin
