// Real connections for the reactor's tests, and turning a loop until something holds. A test that waits in vain is
// ended by the time limit of ctest, not by a clock of its own.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "reactor/address.h"
#include "reactor/fd.h"
#include "reactor/listener.h"
#include "reactor/loop.h"
#include "reactor/socket.h"

namespace onehop::reactor {

inline void turn_until(Loop& loop, const std::function<bool()>& holds) {
  while (!holds()) {
    loop.turn();
    std::this_thread::yield();
  }
}

// Whether nothing is left that would wake the loop at once: a descriptor that stays ready makes it spin.
inline bool would_sleep(Loop& loop) {
  loop.turn();  // Tells epoll what has changed.
  pollfd ready{uv_backend_fd(loop.uv()), POLLIN, 0};
  return ::poll(&ready, 1, 0) == 0;
}

inline SocketAddress socket_address(const std::string& text) {
  std::string error;
  const std::optional<Address> address = Address::parse(text, error);
  EXPECT_TRUE(address) << error;
  return numeric_address(*address).value();
}

// A blocking connection to `address`; empty if it cannot be made.
inline Fd connect_to(const SocketAddress& address) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), address.get(), address.size()) != 0) return {};
  return fd;
}

inline bool ipv6_is_available() {
  const Fd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const SocketAddress address = socket_address("tcp://[::1]:0");
  return fd && ::bind(fd.get(), address.get(), address.size()) == 0;
}

struct Ends {
  Fd ours;    // Nonblocking, for a Socket.
  Fd theirs;  // Blocking, for the test.
};

inline Ends unix_ends() {
  int ends[2];
  EXPECT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return {Fd(ends[0]), Fd(ends[1])};
}

inline Ends tcp_ends(Loop& loop, ListenOptions options = {}, const std::string& address = "tcp://127.0.0.1:0") {
  Ends ends;
  std::string error;
  const auto listener = Listener::open(
      loop, socket_address(address), options, [&](Fd fd, const SocketAddress&) { ends.ours = std::move(fd); }, error);
  EXPECT_TRUE(listener) << error;
  ends.theirs = connect_to(listener->local_address());
  EXPECT_TRUE(ends.theirs);
  turn_until(loop, [&] { return static_cast<bool>(ends.ours); });
  return ends;
}

inline void write_all(const Fd& fd, const std::string& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t size = ::send(fd.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    ASSERT_GT(size, 0);
    done += static_cast<size_t>(size);
  }
}

// Reads until the stream ends; `error` is 0 then, or what broke it.
inline std::string read_to_end(const Fd& fd, int& error) {
  std::string bytes;
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t size = ::recv(fd.get(), buffer, sizeof buffer, 0);
    error = size < 0 ? errno : 0;
    if (size <= 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(size));
  }
}

// Whether the descriptor is open in this process.
inline bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "onehop-reactor-XXXXXX";
    EXPECT_NE(nullptr, ::mkdtemp(pattern.data()));
    path_ = pattern;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// A handler made of three functions.
struct Calls : SocketHandler {
  std::function<void(Socket&)> readable = [](Socket&) {};
  std::function<void(Socket&)> writable = [](Socket&) {};
  int closed = 0;

  void on_readable(Socket& socket) override { readable(socket); }
  void on_writable(Socket& socket) override { writable(socket); }
  void on_closed(Socket&) override { ++closed; }
};

// A socket that is closed, on_closed included, when the test ends.
struct TestSocket {
  TestSocket(Loop& on, Calls& calls, Fd fd) : loop(on), socket(on, calls) { EXPECT_EQ(0, socket.open(std::move(fd))); }
  ~TestSocket() {
    if (socket.is_open()) socket.close();
    loop.turn();
  }
  Loop& loop;
  Socket socket;
};

}  // namespace onehop::reactor
