// The yardstick of TLS: a single-threaded epoll forwarder that ends TLS on every connection and never looks at what it
// passes on. It is what any relay on one thread pays at the least that speaks TLS with both sides: each byte is
// decrypted once and encrypted once. The first connection accepted is paired with the second, the third with the
// fourth, and so on. It does as a fast one does: it reads ahead, and gathers what it has read into one record.
//
//   onehop-blind-tls --listen 127.0.0.1:0 CERTIFICATE KEY    prints the port, then forwards until it is killed
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr size_t kRecordBytes = 16 << 10;
constexpr int kBacklog = 4096;
constexpr int kEventsMax = 1024;

struct Connection {
  Connection(int descriptor, SSL* state) : fd(descriptor), ssl(state) {}
  int fd;
  SSL* ssl;
  bool shaken = false;
  bool closed = false;
  Connection* partner = nullptr;
  std::string unsent;  // Read from the partner, not yet accepted by this socket.
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "onehop-blind-tls: %s\n", what);
  std::exit(1);
}

int listen_on(const std::string& host, uint16_t& port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  socklen_t size = sizeof address;
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool good = inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1 && bind(listener, any, size) == 0 &&
                    listen(listener, kBacklog) == 0 && getsockname(listener, any, &size) == 0;
  if (!good) fail("cannot listen");
  port = ntohs(address.sin_port);
  return listener;
}

SSL_CTX* load(const char* certificate, const char* key) {
  SSL_CTX* settings = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(settings, certificate) != 1 ||
      SSL_CTX_use_PrivateKey_file(settings, key, SSL_FILETYPE_PEM) != 1) {
    fail("the certificate or its key cannot be read");
  }
  SSL_CTX_set_mode(settings,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(settings, 1);
  SSL_CTX_set_session_cache_mode(settings, SSL_SESS_CACHE_OFF);
  return settings;
}

class Forwarder {
 public:
  Forwarder(int listener, SSL_CTX* settings) : listener_(listener), settings_(settings), buffer_(kRecordBytes) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    watch(listener, nullptr);
  }

  [[noreturn]] void run() {
    std::vector<epoll_event> events(kEventsMax);
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), kEventsMax, -1);
      for (int i = 0; i < count; ++i) {
        auto* connection = static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr);
        connection == nullptr ? accept_all() : on_event(*connection);
      }
      // Freed only now, because a later event of the same batch may have named it.
      for (Connection* connection : closed_) delete connection;
      closed_.clear();
    }
  }

 private:
  // Edge-triggered: whoever is told reads and writes until it would block.
  void watch(int fd, Connection* connection) const {
    epoll_event event{};
    event.events = connection == nullptr ? EPOLLIN : EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = connection;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
  }

  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      auto* connection = new Connection(fd, SSL_new(settings_));
      SSL_set_fd(connection->ssl, fd);
      SSL_set_accept_state(connection->ssl);
      if (unpaired_ == nullptr) {
        unpaired_ = connection;
      } else {
        connection->partner = unpaired_;
        unpaired_->partner = connection;
        unpaired_ = nullptr;
      }
      watch(fd, connection);
    }
  }

  void on_event(Connection& connection) {
    if (connection.closed) return;
    if (!connection.shaken && !shake(connection)) return;
    Connection* partner = connection.partner;
    if (partner == nullptr || !partner->shaken || connection.closed) return;
    // What came while the other was not ready yet is read as well.
    forward(connection);
    if (!connection.closed) forward(*partner);
  }

  bool shake(Connection& connection) {
    const int result = SSL_do_handshake(connection.ssl);
    if (result == 1) return connection.shaken = true;
    if (!may_wait(connection, result)) close_pair(connection);
    return false;
  }

  static bool may_wait(const Connection& connection, int result) {
    const int why = SSL_get_error(connection.ssl, result);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
  }

  void forward(Connection& from) {
    Connection& to = *from.partner;
    for (;;) {
      if (!to.unsent.empty() && !send(to, to.unsent.data(), to.unsent.size())) return;
      bool ended = false, more = true;
      size_t gathered = 0;
      while (gathered < buffer_.size() && more) {
        const int size = SSL_read(from.ssl, buffer_.data() + gathered, static_cast<int>(buffer_.size() - gathered));
        if (size > 0) gathered += static_cast<size_t>(size);
        more = size > 0;
        ended = !more && !may_wait(from, size);
      }
      if (gathered != 0 && !send(to, buffer_.data(), gathered) && to.closed) return;
      if (ended) return close_pair(from);
      if (!more || !to.unsent.empty()) return;
    }
  }

  // False: some of it is left, in `unsent`, or the pair is gone.
  bool send(Connection& to, const char* bytes, size_t size) {
    size_t done = 0;
    while (done < size) {
      const int sent = SSL_write(to.ssl, bytes + done, static_cast<int>(size - done));
      if (sent <= 0) {
        if (!may_wait(to, sent)) {
          close_pair(to);
          return false;
        }
        const std::string rest(bytes + done, size - done);
        to.unsent = rest;
        return false;
      }
      done += static_cast<size_t>(sent);
    }
    to.unsent.clear();
    return true;
  }

  void close_pair(Connection& connection) {
    if (unpaired_ == &connection) unpaired_ = nullptr;
    if (connection.partner != nullptr) close_one(*connection.partner);
    close_one(connection);
  }

  void close_one(Connection& connection) {
    if (connection.closed) return;
    connection.closed = true;
    SSL_free(connection.ssl);
    close(connection.fd);
    closed_.push_back(&connection);
  }

  int epoll_;
  const int listener_;
  SSL_CTX* const settings_;
  Connection* unpaired_ = nullptr;
  std::vector<char> buffer_;
  std::vector<Connection*> closed_;
};

}  // namespace

int main(int argc, char** argv) {
  const bool has_address = argc == 5 && std::string_view(argv[1]) == "--listen";
  const std::string listen = has_address ? argv[2] : "";
  const size_t colon = listen.rfind(':');
  uint16_t port = 0;
  const char* end = listen.data() + listen.size();
  if (colon == std::string::npos || std::from_chars(listen.data() + colon + 1, end, port).ptr != end) {
    std::fputs("usage: onehop-blind-tls --listen HOST:PORT CERTIFICATE KEY\n", stderr);
    return 2;
  }
  ::signal(SIGPIPE, SIG_IGN);
  SSL_CTX* settings = load(argv[3], argv[4]);
  const int listener = listen_on(listen.substr(0, colon), port);
  std::printf("%u\n", port);
  std::fflush(stdout);
  Forwarder(listener, settings).run();
}
