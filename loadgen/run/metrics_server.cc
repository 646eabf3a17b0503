// See the header. The server reads a request up to its empty line, answers, and shuts down its writing end. It closes
// the connection only when the other end has closed, so that no reset destroys the answer.
#include "loadgen/run/metrics_server.h"

#include <algorithm>
#include <array>
#include <utility>

#include "loadgen/measure/text.h"
#include "reactor/address.h"
#include "reactor/socket.h"

namespace onehop::loadgen {
namespace {

constexpr size_t kConnectionsMax = 16;
constexpr size_t kRequestBytesMax = 8 << 10;
constexpr uint64_t kRequestMsMax = 5'000;
constexpr uint64_t kSweepMs = 500;

std::string answer(std::string_view status, std::string_view body) {
  return concat("HTTP/1.1 ", status,
                "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: ", body.size(),
                "\r\nConnection: close\r\n\r\n", body);
}

}  // namespace

class MetricsServer::Connection final : private reactor::SocketHandler {
 public:
  explicit Connection(MetricsServer& server)
      : server_(server),
        socket_(server.thread_.loop(), *this),
        until_ms_(server.thread_.loop().now_ms() + kRequestMsMax) {}

  bool open(reactor::Fd fd) {
    if (socket_.open(std::move(fd)) != 0) return false;
    socket_.set_reading(true);
    return true;
  }
  uint64_t until_ms() const { return until_ms_; }
  bool is_open() const { return socket_.is_open(); }
  void close() {
    if (socket_.is_open()) socket_.close();
  }

 private:
  void on_readable(reactor::Socket&) override {
    std::array<char, 4096> bytes;
    const reactor::IoResult result = socket_.receive(bytes);
    if (result.would_block()) return;
    if (!result.transferred()) return close();
    if (answered_) return;
    in_.append(bytes.data(), result.bytes);
    const bool is_whole = in_.find("\r\n\r\n") != std::string::npos;
    if (!is_whole && in_.size() <= kRequestBytesMax) return;
    answered_ = true;
    out_ = is_whole ? server_.answer_to(in_) : answer("431 Request Header Fields Too Large", "");
    write();
  }
  void on_writable(reactor::Socket&) override { write(); }
  void on_closed(reactor::Socket&) override { server_.forget(*this); }

  void write() {
    while (!out_.empty()) {
      const iovec piece{out_.data(), out_.size()};
      const reactor::IoResult result = socket_.send(&piece, 1);
      if (result.would_block()) return socket_.want_writable(true);
      if (!result.transferred()) return close();
      out_.erase(0, result.bytes);
    }
    socket_.want_writable(false);
    socket_.shutdown_write();
  }

  MetricsServer& server_;
  reactor::Socket socket_;
  const uint64_t until_ms_;
  std::string in_, out_;
  bool answered_ = false;
};

MetricsServer::MetricsServer() : thread_("loadgen-metrics") {}

std::unique_ptr<MetricsServer> MetricsServer::open(const std::string& where, std::string text, std::string& error) {
  const auto address = reactor::Address::parse(where, error);
  if (!address) return nullptr;
  const std::vector<reactor::SocketAddress> addresses = reactor::resolve(*address, error);
  if (addresses.empty()) return nullptr;
  std::unique_ptr<MetricsServer> server(new MetricsServer);
  MetricsServer* const self = server.get();
  self->text_ = std::move(text);
  self->timer_ = std::make_unique<reactor::Timer>(self->thread_.loop(), [self] { self->end_late_ones(); });
  self->listener_ = reactor::Listener::open(
      self->thread_.loop(), addresses.front(), {},
      [self](reactor::Fd fd, const reactor::SocketAddress&) { self->accept(std::move(fd)); }, error);
  if (!self->listener_) return nullptr;
  self->address_ = self->listener_->local_address().text();
  self->thread_.start();
  return server;
}

MetricsServer::~MetricsServer() {
  if (thread_.running()) thread_.stop_and_join();
  listener_.reset();
  timer_.reset();
  for (const auto& connection : connections_) connection->close();
  while (!connections_.empty()) thread_.loop().turn();
}

void MetricsServer::set_text(std::string text) {
  const std::lock_guard lock(mutex_);
  text_.swap(text);
}

void MetricsServer::accept(reactor::Fd fd) {
  size_t open = 0;
  Connection* oldest = nullptr;
  for (const auto& one : connections_) {
    if (!one->is_open()) continue;
    ++open;
    if (oldest == nullptr) oldest = one.get();
  }
  if (open >= kConnectionsMax) oldest->close();
  auto connection = std::make_unique<Connection>(*this);
  if (!connection->open(std::move(fd))) return;
  connections_.push_back(std::move(connection));
  if (!timer_->armed()) timer_->arm_at(thread_.loop().now_ms() + kSweepMs);
}

void MetricsServer::end_late_ones() {
  const uint64_t now = thread_.loop().now_ms();
  for (const auto& connection : connections_) {
    if (now >= connection->until_ms()) connection->close();
  }
  if (!connections_.empty()) timer_->arm_at(now + kSweepMs);
}

void MetricsServer::forget(Connection& connection) {
  std::erase_if(connections_, [&](const auto& one) { return one.get() == &connection; });
}

std::string MetricsServer::answer_to(const std::string& request) {
  const std::string line = request.substr(0, request.find("\r\n"));
  if (line.rfind("GET ", 0) != 0) return answer("405 Method Not Allowed", "only GET\n");
  const std::string path = line.substr(4, line.find(' ', 4) - 4);
  if (path != "/metrics" && path.rfind("/metrics?", 0) != 0) return answer("404 Not Found", "there is /metrics\n");
  const std::lock_guard lock(mutex_);
  return answer("200 OK", text_);
}

}  // namespace onehop::loadgen
