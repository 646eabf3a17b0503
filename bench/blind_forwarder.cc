// The yardstick of every comparison: a single-threaded epoll forwarder that copies bytes and never looks at them. It is
// what any relay on one thread pays at the least. The first connection accepted is paired with the second, the third
// with the fourth, and so on; a connection is read once it has a partner, and only while its partner owes nothing.
//
// With --answer it is the yardstick of connects instead: what comes is sent back, and nothing else is done.
//
//   onehop-blind --listen 127.0.0.1:0            prints the port, then forwards until it is killed
//   onehop-blind --listen 127.0.0.1:0 --answer   the same, and answers
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr size_t kBufferBytes = 64 * 1024;
constexpr int kBacklog = 4096;
constexpr int kEventsMax = 1024;

struct Connection {
  explicit Connection(int descriptor) : fd(descriptor) {}
  int fd;
  uint32_t interest = 0;
  bool ended = false;     // Its peer has sent the end of its stream.
  bool finished = false;  // We have passed the partner's end on to it.
  bool closed = false;
  Connection* partner = nullptr;
  std::string unsent;  // Read from the partner, not yet accepted by this socket.
};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

int listen_on(const char* host, uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) fail("onehop-blind: socket");
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
    std::fprintf(stderr, "onehop-blind: '%s' is not an IPv4 address\n", host);
    std::exit(2);
  }
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("onehop-blind: bind");
  if (listen(listener, kBacklog) != 0) fail("onehop-blind: listen");
  return listener;
}

uint16_t port_of(int listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

// Nothing: there is none at present.
int accept_one(int listener) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED) fail("onehop-blind: accept");
  return fd;
}

class Forwarder {
 public:
  explicit Forwarder(int listener) : listener_(listener), buffer_(kBufferBytes) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) != 0) fail("onehop-blind: epoll_ctl");
  }

  [[noreturn]] void run() {
    std::vector<epoll_event> events(kEventsMax);
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), kEventsMax, -1);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<size_t>(i)];
        if (event.data.ptr == nullptr) {
          accept_all();
        } else {
          on_event(*static_cast<Connection*>(event.data.ptr), event.events);
        }
      }
      // Freed only now, because a later event of the same batch may have named it.
      for (Connection* connection : closed_) delete connection;
      closed_.clear();
    }
  }

 private:
  void watch(Connection& connection, uint32_t interest) {
    if (connection.interest == interest) return;
    epoll_event event{};
    event.events = interest;
    event.data.ptr = &connection;
    if (epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event) != 0) fail("onehop-blind: epoll_ctl");
    connection.interest = interest;
  }

  void accept_all() {
    for (;;) {
      const int fd = accept_one(listener_);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      auto* connection = new Connection(fd);
      epoll_event event{};
      event.data.ptr = connection;
      if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("onehop-blind: epoll_ctl");
      if (unpaired_ == nullptr) {
        unpaired_ = connection;
        continue;
      }
      connection->partner = unpaired_;
      unpaired_->partner = connection;
      watch(*unpaired_, EPOLLIN);
      watch(*connection, EPOLLIN);
      unpaired_ = nullptr;
    }
  }

  void on_event(Connection& connection, uint32_t events) {
    if (connection.closed) return;
    if (connection.partner == nullptr) {  // It broke before it had a partner.
      unpaired_ = nullptr;
      close_one(connection);
      return;
    }
    if ((events & EPOLLOUT) != 0 && !flush(connection)) return;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) forward(connection);
  }

  void forward(Connection& from) {
    Connection& to = *from.partner;
    const ssize_t size = recv(from.fd, buffer_.data(), buffer_.size(), 0);
    if (size < 0) {
      if (errno != EAGAIN && errno != EINTR) close_pair(from);
      return;
    }
    if (size == 0) {
      from.ended = true;
      watch(from, from.interest & ~static_cast<uint32_t>(EPOLLIN));
      finish(to);
      return;
    }
    const auto wanted = static_cast<size_t>(size);
    ssize_t sent = send(to.fd, buffer_.data(), wanted, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN && errno != EINTR) return close_pair(from);
      sent = 0;
    }
    if (static_cast<size_t>(sent) < wanted) {
      to.unsent.append(buffer_.data() + sent, wanted - static_cast<size_t>(sent));
      watch(to, to.interest | EPOLLOUT);
      watch(from, from.interest & ~static_cast<uint32_t>(EPOLLIN));
    }
  }

  // Writes what this socket has not accepted yet, then reads its partner again. False if the pair is gone.
  bool flush(Connection& to) {
    const ssize_t sent = send(to.fd, to.unsent.data(), to.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EAGAIN || errno == EINTR) return true;
      close_pair(to);
      return false;
    }
    to.unsent.erase(0, static_cast<size_t>(sent));
    if (!to.unsent.empty()) return true;
    std::string().swap(to.unsent);
    watch(to, to.interest & ~static_cast<uint32_t>(EPOLLOUT));
    if (to.partner->ended) {
      finish(to);
    } else {
      watch(*to.partner, to.partner->interest | EPOLLIN);
    }
    return !to.closed;
  }

  // Passes the end of the partner's stream on, once everything before it is written.
  void finish(Connection& to) {
    if (!to.unsent.empty() || to.finished) return;
    to.finished = true;
    shutdown(to.fd, SHUT_WR);
    if (to.ended && to.partner->finished) close_pair(to);
  }

  void close_pair(Connection& connection) {
    close_one(*connection.partner);
    close_one(connection);
  }

  void close_one(Connection& connection) {
    connection.closed = true;
    close(connection.fd);
    closed_.push_back(&connection);
  }

  int epoll_;
  const int listener_;
  Connection* unpaired_ = nullptr;
  std::vector<char> buffer_;
  std::vector<Connection*> closed_;
};

// Accepts, answers what it reads with the same bytes, and closes when its peer has closed.
[[noreturn]] void answer_all(int listener) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const auto watch = [epoll](int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail("onehop-blind: epoll_ctl");
  };
  watch(listener);
  std::vector<char> buffer(kBufferBytes);
  std::vector<epoll_event> events(kEventsMax);
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), kEventsMax, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == listener) {
        for (int accepted = accept_one(listener); accepted >= 0; accepted = accept_one(listener)) watch(accepted);
        continue;
      }
      const ssize_t size = recv(fd, buffer.data(), buffer.size(), 0);
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      // So few bytes that an empty socket takes them all: if not, its peer is gone.
      if (size <= 0 || send(fd, buffer.data(), static_cast<size_t>(size), MSG_NOSIGNAL) != size) close(fd);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool answers = argc == 4 && std::string_view(argv[3]) == "--answer";
  const bool has_address = (argc == 3 || answers) && std::string_view(argv[1]) == "--listen";
  const std::string listen = has_address ? argv[2] : "";
  const size_t colon = listen.rfind(':');
  uint16_t port = 0;
  const char* end = listen.data() + listen.size();
  if (colon == std::string::npos || std::from_chars(listen.data() + colon + 1, end, port).ptr != end) {
    std::fputs("usage: onehop-blind --listen HOST:PORT [--answer]\n", stderr);
    return 2;
  }
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);

  const int listener = listen_on(listen.substr(0, colon).c_str(), port);
  std::printf("%u\n", port_of(listener));
  std::fflush(stdout);
  if (answers) answer_all(listener);
  Forwarder(listener).run();
}
