// CuttingProxy: see the header. Nonblocking sockets, polled by the loop.
#include "cutting_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

namespace onehop::test {
namespace {

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

uv_poll_t* poll_socket(uv_loop_t* loop, int fd, void* data) {
  auto* poll = new uv_poll_t;
  uv_poll_init_socket(loop, poll, fd);
  poll->data = data;
  return poll;
}

// The loop looks at the descriptor once more when it lets go of it: so it is closed after that.
void close_poll(uv_poll_t* poll, int fd) {
  uv_close(reinterpret_cast<uv_handle_t*>(poll),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
  ::close(fd);
}

}  // namespace

// A client's connection, and the one to the broker that was made for it.
class CuttingProxy::Pair {
 public:
  Pair(CuttingProxy& proxy, int client_fd, int broker_fd, bool to_be_cut) : proxy_(proxy), to_be_cut_(to_be_cut) {
    // Side 0 is the client's: what comes from it goes to the broker.
    sides_[0].fd = client_fd;
    sides_[1].fd = broker_fd;
    for (Side& side : sides_) {
      const int on = 1;
      ::setsockopt(side.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      side.pair = this;
      side.poll = poll_socket(proxy.loop_, side.fd, &side);
    }
  }
  ~Pair() {
    for (Side& side : sides_) close_poll(side.poll, side.fd);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  void begin() {
    if (!cut_if_due()) watch();
  }
  uint64_t passed(size_t direction) const { return sides_[direction].passed; }

 private:
  struct Side {
    Pair* pair = nullptr;
    uv_poll_t* poll = nullptr;
    int fd = -1;
    std::string unwritten;  // To this side.
    uint64_t passed = 0;    // From this side to the other.
    bool ended = false;     // Nothing more comes from it.
  };

  Side& other(const Side& side) { return sides_[&side == &sides_[0] ? 1 : 0]; }
  Side& source() { return sides_[static_cast<size_t>(proxy_.cut_.direction)]; }

  void watch() {
    for (Side& side : sides_) {
      const bool reads = !side.ended && other(side).unwritten.empty();
      const int events = (reads ? UV_READABLE : 0) | (side.unwritten.empty() ? 0 : UV_WRITABLE);
      if (events == 0) {
        uv_poll_stop(side.poll);
        continue;
      }
      uv_poll_start(side.poll, events, [](uv_poll_t* poll, int status, int what) {
        auto* polled = static_cast<Side*>(poll->data);
        polled->pair->go_on(*polled, status < 0 ? UV_READABLE : what);  // A broken socket says so when it is read.
      });
    }
  }

  // May end this pair.
  void go_on(Side& side, int what) {
    if ((what & UV_WRITABLE) != 0) write(side);
    if ((what & UV_READABLE) != 0) read(side);
    if (done_ && sides_[0].ended && sides_[1].ended) return proxy_.forget(this);
    if (cut_if_due()) return;
    if (sides_[0].ended && sides_[1].ended && sides_[0].unwritten.empty() && sides_[1].unwritten.empty()) {
      return proxy_.forget(this);
    }
    watch();
  }

  void read(Side& side) {
    char buffer[16 << 10];
    size_t wanted = sizeof buffer;
    if (to_be_cut_ && !done_ && &side == &source()) {
      wanted = static_cast<size_t>(std::min<uint64_t>(wanted, proxy_.cut_.offset - side.passed));
    }
    const ssize_t size = ::recv(side.fd, buffer, wanted, 0);
    if (size > 0) {
      if (done_) return;
      side.passed += static_cast<size_t>(size);
      other(side).unwritten.append(buffer, static_cast<size_t>(size));
      write(other(side));
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
      side.ended = true;
      if (other(side).unwritten.empty()) ::shutdown(other(side).fd, SHUT_WR);
    }
  }

  void write(Side& side) {
    const ssize_t size = ::send(side.fd, side.unwritten.data(), side.unwritten.size(), MSG_NOSIGNAL);
    if (size >= 0) {
      side.unwritten.erase(0, static_cast<size_t>(size));
    } else if (errno != EAGAIN && errno != EINTR) {
      side.unwritten.clear();
    }
    if (side.unwritten.empty() && other(side).ended) ::shutdown(side.fd, SHUT_WR);
  }

  // True if the pair may be gone.
  bool cut_if_due() {
    if (!to_be_cut_ || done_ || source().passed < proxy_.cut_.offset || !other(source()).unwritten.empty())
      return false;
    done_ = true;
    ++proxy_.cuts_;
    if (proxy_.cut_.reset) {
      const linger at_once{1, 0};
      for (const Side& side : sides_) ::setsockopt(side.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      proxy_.forget(this);
      return true;
    }
    // What still comes is discarded, so that no reset overtakes the end.
    for (Side& side : sides_) {
      side.unwritten.clear();
      ::shutdown(side.fd, SHUT_WR);
    }
    watch();
    return true;
  }

  CuttingProxy& proxy_;
  const bool to_be_cut_;
  bool done_ = false;  // It was cut.
  Side sides_[2];
};

CuttingProxy::CuttingProxy(uv_loop_t* loop, const std::string& target)
    : loop_(loop), target_port_(static_cast<uint16_t>(std::stoi(target.substr(target.rfind(':') + 1)))) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* name = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, name, size) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, name, &size) != 0) {
    throw std::runtime_error("cannot listen");
  }
  address_ = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  listening_ = poll_socket(loop, listener_, this);
  uv_poll_start(listening_, UV_READABLE,
                [](uv_poll_t* poll, int, int) { static_cast<CuttingProxy*>(poll->data)->accept(); });
}

CuttingProxy::~CuttingProxy() {
  close_poll(listening_, listener_);
  while (!pairs_.empty()) forget(pairs_.back());
}

void CuttingProxy::start(const Cut& cut) {
  while (!pairs_.empty()) forget(pairs_.back());
  // Of clients that are gone.
  for (int fd; (fd = ::accept(listener_, nullptr, nullptr)) >= 0;) ::close(fd);
  cut_ = cut;
  accepted_ = cuts_ = 0;
  passed_max_[0] = passed_max_[1] = 0;
}

void CuttingProxy::accept() {
  const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) return;
  const int broker = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(target_port_);
  if (::connect(broker, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(client);
    ::close(broker);
    return;
  }
  ::fcntl(broker, F_SETFL, O_NONBLOCK);
  const bool to_be_cut = accepted_++ < cut_.connections;
  pairs_.push_back(new Pair(*this, client, broker, to_be_cut));
  pairs_.back()->begin();
}

void CuttingProxy::forget(Pair* pair) {
  for (size_t direction = 0; direction < 2; ++direction) {
    passed_max_[direction] = std::max(passed_max_[direction], pair->passed(direction));
  }
  std::erase(pairs_, pair);
  delete pair;
}

}  // namespace onehop::test
