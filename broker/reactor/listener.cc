// Opening listeners, and the accept loop with its budget.
#include "reactor/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <utility>

namespace onehop::reactor {
namespace {

constexpr uint64_t kRetryMs = 100;

Fd stream_socket(int family) {
  return Fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int switch_on(const Fd& fd, int level, int option) {
  const int on = 1;
  return ::setsockopt(fd.get(), level, option, &on, sizeof on);
}

int bind_to(const Fd& fd, const SocketAddress& address) {
  return ::bind(fd.get(), address.get(), address.size());
}

// Whether somebody accepts connections on this Unix socket. Only a refusal means that nobody does.
bool answers(const SocketAddress& address) {
  const Fd probe = stream_socket(AF_UNIX);
  return ::connect(probe.get(), address.get(), address.size()) == 0 || errno != ECONNREFUSED;
}

// Binds; returns 0 or an errno value.
int bind_unix(const Fd& fd, const SocketAddress& address) {
  if (bind_to(fd, address) == 0) return 0;
  if (errno != EADDRINUSE) return errno;
  struct stat file {};
  const std::string path = address.path();
  if (::lstat(path.c_str(), &file) != 0 || !S_ISSOCK(file.st_mode) || answers(address)) return EADDRINUSE;
  ::unlink(path.c_str());
  return bind_to(fd, address) == 0 ? 0 : errno;
}

int bind_tcp(const Fd& fd, const SocketAddress& address, ListenOptions::Share share) {
  switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
  // "::" must not take the IPv4 port as well: who wants both says both.
  if (address.family() == AF_INET6) switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  if (share == ListenOptions::Share::kJoin && switch_on(fd, SOL_SOCKET, SO_REUSEPORT) != 0) return errno;
  if (bind_to(fd, address) != 0) return errno;
  // After the bind, which therefore failed if anybody was there; before listen(), which founds the group to join.
  if (share == ListenOptions::Share::kFirst && switch_on(fd, SOL_SOCKET, SO_REUSEPORT) != 0) return errno;
  return 0;
}

bool ran_out(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

std::unique_ptr<Listener> Listener::open(Loop& loop, const SocketAddress& address, const ListenOptions& options,
                                         OnAccept on_accept, std::string& error) {
  assert(loop.in_loop_thread());
  assert(!address.is_unix() || options.share == ListenOptions::Share::kAlone);
  Fd fd = stream_socket(address.family());
  int problem = fd ? 0 : errno;
  if (problem == 0) {
    problem = address.is_unix() ? bind_unix(fd, address) : bind_tcp(fd, address, options.share);
  }
  // The file of a Unix socket exists from here on, and goes when the listener does.
  std::unique_ptr<Listener> listener;
  if (problem == 0) {
    listener.reset(new Listener(loop, std::move(fd), options, std::move(on_accept)));
    if (::listen(listener->fd_.get(), options.backlog) != 0) problem = errno;
  }
  if (problem != 0) {
    error = "cannot listen on " + address.text() + ": " + error_text(problem);
    return nullptr;
  }
  listener->watch();
  return listener;
}

Listener::Listener(Loop& loop, Fd fd, const ListenOptions& options, OnAccept on_accept)
    : loop_(loop),
      fd_(std::move(fd)),
      options_(options),
      on_accept_(std::move(on_accept)),
      local_address_(SocketAddress::local_of(fd_.get())),
      retry_(loop, [this] { watch(); }) {
  struct stat file {};
  if (local_address_.is_unix() && ::lstat(local_address_.path().c_str(), &file) == 0) {
    file_ = {file.st_dev, file.st_ino};
  }
}

Listener::~Listener() {
  watch_.stop();
  fd_.reset();
  if (!local_address_.is_unix()) return;
  const std::string path = local_address_.path();
  struct stat file {};
  if (::lstat(path.c_str(), &file) == 0 && file.st_dev == file_.device && file.st_ino == file_.inode) {
    ::unlink(path.c_str());
  }
}

void Listener::pause() {
  paused_ = true;
  watch_.stop();
  retry_.disarm();
}

void Listener::resume() {
  paused_ = false;
  if (!watch_.started() && !retry_.armed()) watch();
}

void Listener::watch() {
  // When even that finds no memory, the timer tries again.
  if (watch_.start(loop_, fd_.get(), UV_READABLE, [this] { accept_some(); }) != 0) {
    retry_.arm_at(loop_.now_ms() + kRetryMs);
  }
}

void Listener::accept_some() {
  for (int budget = options_.accepts_per_turn; budget > 0 && !paused_; --budget) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    Fd accepted(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) {
      prepare(accepted.get());
      on_accept_(std::move(accepted), SocketAddress(reinterpret_cast<const sockaddr*>(&peer), size));
      continue;
    }
    if (errno == EAGAIN) return;
    if (ran_out(errno)) {
      // The connection stays in the backlog and would wake us at once, again and again.
      ++exhaustions_;
      watch_.stop();
      retry_.arm_at(loop_.now_ms() + kRetryMs);
      return;
    }
    // Anything else is the fate of that one connection, which is no longer in the backlog.
  }
}

void Listener::prepare(int fd) const {
  const auto set = [fd](int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof value); };
  if (!local_address_.is_unix()) set(IPPROTO_TCP, TCP_NODELAY, 1);
  if (options_.send_buffer_bytes != 0) set(SOL_SOCKET, SO_SNDBUF, options_.send_buffer_bytes);
  if (options_.receive_buffer_bytes != 0) set(SOL_SOCKET, SO_RCVBUF, options_.receive_buffer_bytes);
}

}  // namespace onehop::reactor
