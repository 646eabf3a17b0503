// Connecting from a client's loop: every kind of address, every way to fail, exactly one answer.
#include "reactor/connect_attempt.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netdb.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "connections.h"
#include "reactor/file_text.h"

// The resolver of this program knows a name with two addresses, which not every machine has. Others are the system's.
extern "C" [[gnu::visibility("default")]] int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                                                          addrinfo** answer) {
  static const auto of_system = reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
  if (name == nullptr || std::string_view(name) != "two.test") return of_system(name, service, hints, answer);
  const int status = of_system("127.0.0.1", service, hints, answer);
  return status != 0 ? status : of_system("127.0.0.2", service, hints, &(*answer)->ai_next);
}

namespace onehop::reactor {
namespace {

constexpr uint64_t kAmpleMs = 60'000;

Address address(const std::string& text) {
  std::string error;
  return Address::parse(text, error).value();
}

struct Answer {
  std::optional<ConnectResult> result;
  int calls = 0;

  ConnectAttempt::Done callback() {
    return [this](ConnectResult answer) {
      ++calls;
      result = std::move(answer);
    };
  }
};

ConnectResult attempt(Loop& loop, const std::string& text, uint64_t within_ms = kAmpleMs) {
  Answer answer;
  const ConnectAttempt attempt(loop, address(text), loop.now_ms() + within_ms, answer.callback());
  EXPECT_EQ(0, answer.calls) << "never from the constructor";
  turn_until(loop, [&] { return answer.calls > 0; });
  for (int i = 0; i < 10; ++i) loop.turn();
  EXPECT_EQ(1, answer.calls);
  return std::move(*answer.result);
}

struct Server {
  explicit Server(Loop& loop, const std::string& text = "tcp://127.0.0.1:0") {
    std::string error;
    listener = Listener::open(
        loop, socket_address(text), {}, [this](Fd fd, const SocketAddress&) { accepted.push_back(std::move(fd)); },
        error);
    EXPECT_TRUE(listener) << error;
  }
  std::string port() const { return std::to_string(listener->local_address().port()); }

  std::unique_ptr<Listener> listener;
  std::vector<Fd> accepted;
};

void expect_usable(const ConnectResult& result, Loop& loop, Server& server) {
  ASSERT_TRUE(result.fd) << result.error;
  EXPECT_EQ("", result.error);
  EXPECT_NE(0, ::fcntl(result.fd.get(), F_GETFL) & O_NONBLOCK);
  turn_until(loop, [&] { return !server.accepted.empty(); });
  write_all(result.fd, "x");
  char byte = 0;
  turn_until(loop, [&] { return ::recv(server.accepted[0].get(), &byte, 1, 0) == 1; });
  EXPECT_EQ('x', byte);
}

TEST(ConnectAttempt, ReachesAnAddress) {
  Loop loop;
  Server server(loop);
  expect_usable(attempt(loop, server.listener->local_address().text()), loop, server);
}

TEST(ConnectAttempt, ReachesAnIpv6Address) {
  if (!ipv6_is_available()) GTEST_SKIP() << "this machine has no IPv6 loopback";
  Loop loop;
  Server server(loop, "tcp://[::1]:0");
  expect_usable(attempt(loop, server.listener->local_address().text()), loop, server);
}

TEST(ConnectAttempt, ReachesAUnixSocket) {
  const TemporaryFolder folder;
  Loop loop;
  Server server(loop, "unix://" + folder.file("a.sock"));
  expect_usable(attempt(loop, "unix://" + folder.file("a.sock")), loop, server);
}

// The name's last address is the one that answers, so that all others are tried before.
TEST(ConnectAttempt, ReachesANameByItsLastAddress) {
  Loop loop;
  std::string error;
  const std::vector<SocketAddress> known = resolve(address("tcp://localhost:0"), error);
  ASSERT_FALSE(known.empty()) << error;
  Server server(loop, known.back().text());
  if (known.size() == 1) std::puts("localhost has one address here: trying the next was not tested");
  expect_usable(attempt(loop, "tcp://localhost:" + server.port()), loop, server);
}

TEST(ConnectAttempt, SaysWhyNot) {
  Loop loop;
  uint16_t free_port;
  {
    const Server gone(loop);
    free_port = gone.listener->local_address().port();
  }
  const std::string refused = "tcp://127.0.0.1:" + std::to_string(free_port);
  EXPECT_EQ("cannot connect to " + refused + ": Connection refused", attempt(loop, refused).error);
  EXPECT_EQ("cannot connect to unix:///no/such.sock: No such file or directory",
            attempt(loop, "unix:///no/such.sock").error);
  const ConnectResult unknown = attempt(loop, "tcp://no..such:1");
  EXPECT_FALSE(unknown.fd);
  EXPECT_EQ(0u, unknown.error.find("cannot connect to tcp://no..such:1: ")) << unknown.error;
}

// A listener whose backlog is full and that does not accept lets further connects hang.
struct Deaf {
  Deaf() : listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const SocketAddress any = socket_address("tcp://127.0.0.1:0");
    EXPECT_EQ(0, ::bind(listener.get(), any.get(), any.size()));
    EXPECT_EQ(0, ::listen(listener.get(), 0));
    address = SocketAddress::local_of(listener.get());
    for (Fd& filler : fillers) {
      filler = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      static_cast<void>(::connect(filler.get(), address.get(), address.size()));  // Fills the backlog; may wait in it.
    }
  }
  Fd listener;
  SocketAddress address;
  Fd fillers[4];
};

// How many connects to this port wait for their first answer.
size_t unanswered(uint16_t port) {
  char state[16];
  std::snprintf(state, sizeof state, ":%04X 02 ", unsigned{port});
  const std::string table = read_file("/proc/self/net/tcp", 16 << 20).text.value_or("");
  size_t count = 0;
  for (size_t at = table.find(state); at != std::string::npos; at = table.find(state, at + 1)) ++count;
  return count;
}

TEST(ConnectAttempt, TriesTheNextAddressWhetherTheOneBeforeIsRefusedAtOnceOrLater) {
  Loop loop;
  for (const bool later : {false, true}) {
    auto first = std::make_unique<Deaf>();
    const uint16_t port = first->address.port();
    const Server second(loop, "tcp://127.0.0.2:" + std::to_string(port));
    if (!later) first.reset();
    const size_t others = unanswered(port);
    Answer answer;
    const ConnectAttempt attempt(loop, address("tcp://two.test:" + std::to_string(port)), loop.now_ms() + kAmpleMs,
                                 answer.callback());
    turn_until(loop, [&] { return !later || unanswered(port) > others; });
    // Now it is refused when the kernel asks again.
    first.reset();
    turn_until(loop, [&] { return answer.calls > 0; });
    EXPECT_TRUE(answer.result->fd) << answer.result->error;
  }
}

TEST(ConnectAttempt, GivesUpAtItsDeadline) {
  Loop loop;
  const Deaf deaf;
  const uint64_t start = loop.now_ms();
  const ConnectResult result = attempt(loop, deaf.address.text(), 50);
  EXPECT_EQ("cannot connect to " + deaf.address.text() + ": no answer in time", result.error);
  EXPECT_GE(loop.now_ms(), start + 50);
}

TEST(ConnectAttempt, IsSilentOnceCancelled) {
  Loop loop;
  const Deaf deaf;
  Answer answer;
  for (const std::string& text : {deaf.address.text(), std::string("tcp://localhost:1")}) {
    for (const int turns : {0, 1, 2}) {  // Before it starts, and under way.
      auto cancelled = std::make_unique<ConnectAttempt>(loop, address(text), loop.now_ms() + 10, answer.callback());
      const int before = answer.calls;
      for (int i = 0; i < turns; ++i) loop.turn();
      const int by_then = answer.calls;
      EXPECT_LE(by_then, before + 1);
      cancelled.reset();
      turn_until(loop, [&, end = loop.now_ms() + 20] { return loop.now_ms() >= end; });
      EXPECT_EQ(by_then, answer.calls);
    }
  }
}

TEST(ConnectAttempt, MayBeDestroyedByItsOwnAnswer) {
  Loop loop;
  Server server(loop);
  std::unique_ptr<ConnectAttempt> attempt;
  int answers = 0;
  for (const std::string& text : {server.listener->local_address().text(), std::string("unix:///no/such.sock")}) {
    attempt = std::make_unique<ConnectAttempt>(loop, address(text), loop.now_ms() + kAmpleMs, [&](ConnectResult) {
      ++answers;
      attempt.reset();
    });
    turn_until(loop, [&] { return attempt == nullptr; });
  }
  EXPECT_EQ(2, answers);
}

}  // namespace
}  // namespace onehop::reactor
