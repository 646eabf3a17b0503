// The thread, its listener and its connections.
#include "admin/port.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <list>
#include <optional>
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
constexpr uint64_t kLingerMsMax = 1'000;
// A full port makes room for who comes by ending the connection that has rested longest, but at least so long.
constexpr uint64_t kRestMsMin = 1'000;

Entrance entrance_of(const reactor::Address& written, const reactor::SocketAddress& address, bool allow_plaintext) {
  Entrance entrance;
  entrance.host = written.host();
  entrance.allow_plaintext = allow_plaintext;
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
  HttpPort(Entrance entrance, std::string token, Broker& broker, Actions actions)
      : access_(std::move(entrance), std::move(token)), api_(broker, std::move(actions), access_) {}
  ~HttpPort() override;

  bool open(const reactor::SocketAddress& address, std::string& error);

  std::string address() const override { return listener_->local_address().text(); }
  bool reload(const std::string& token_file, std::string& error) override;

 private:
  Answer answer(const Request& request) override { return api_.answer(request); }
  void on_closed(Connection& connection) override;

  void accept(reactor::Fd fd);
  bool make_room();
  void turn_away(reactor::Fd fd);
  void end_overdue();

  Access access_;
  Api api_;
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

bool HttpPort::reload(const std::string& token_file, std::string& error) {
  std::optional<std::string> token = token_file.empty() ? std::string() : read_token(token_file, error);
  if (!token) return false;
  access_.set_token(*std::move(token));
  return true;
}

void HttpPort::accept(reactor::Fd fd) {
  // Those that are closing are in the list until their memory goes, in the next turn.
  const auto open =
      std::count_if(connections_.begin(), connections_.end(), [](const auto& one) { return one.is_open(); });
  if (static_cast<size_t>(open) >= kConnectionsMax && !make_room()) return turn_away(std::move(fd));
  Connection& connection = connections_.emplace_back(thread_.loop(), *endings_, *this);
  if (!connection.open(std::move(fd))) connections_.pop_back();
}

bool HttpPort::make_room() {
  Connection* oldest = nullptr;
  for (Connection& connection : connections_) {
    if (!connection.resting()) continue;
    if (oldest == nullptr || connection.resting_since_ms() < oldest->resting_since_ms()) oldest = &connection;
  }
  if (oldest == nullptr || thread_.loop().now_ms() - oldest->resting_since_ms() < kRestMsMin) return false;
  oldest->close();
  return true;
}

void HttpPort::turn_away(reactor::Fd fd) {
  const std::string text = written(error_answer(503, "there are too many connections"), true, false);
  // A new socket takes so little; one that does not is not worth waiting for.
  static_cast<void>(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  endings_->take(std::move(fd));
}

void HttpPort::end_overdue() {
  const uint64_t now = thread_.loop().now_ms();
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
  return reactor::Address::parse(listen, error).has_value();
}

std::unique_ptr<Port> Port::start(const Options& options, Broker& broker, Actions actions, std::string& error) {
  const std::optional<reactor::Address> address = reactor::Address::parse(options.listen, error);
  if (!address) return nullptr;
  const std::vector<reactor::SocketAddress> resolved = reactor::resolve(*address, error);
  if (resolved.empty()) return nullptr;
  std::optional<std::string> token = options.token_file.empty() ? std::string() : read_token(options.token_file, error);
  if (!token) return nullptr;
  auto port = std::make_unique<HttpPort>(entrance_of(*address, resolved.front(), options.allow_plaintext),
                                         *std::move(token), broker, std::move(actions));
  if (!port->open(resolved.front(), error)) return nullptr;
  return port;
}

}  // namespace onehop::admin
