// Accepting: every kind of address, the budget, sharing a port, Unix socket files, and running out of descriptors.
#include "reactor/listener.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <vector>

#include "connections.h"
#include "reactor/timer.h"

namespace onehop::reactor {
namespace {

using Share = ListenOptions::Share;

struct Accepted {
  std::vector<Fd> fds;
  std::vector<SocketAddress> peers;

  Listener::OnAccept callback() {
    return [this](Fd fd, const SocketAddress& peer) {
      fds.push_back(std::move(fd));
      peers.push_back(peer);
    };
  }
};

std::unique_ptr<Listener> listen_on(Loop& loop, const SocketAddress& address, Accepted& accepted,
                                    const ListenOptions& options = {}) {
  std::string error;
  auto listener = Listener::open(loop, address, options, accepted.callback(), error);
  EXPECT_TRUE(listener) << error;
  return listener;
}

std::string why_not(Loop& loop, const SocketAddress& address, const ListenOptions& options = {}) {
  std::string error;
  const auto listener = Listener::open(
      loop, address, options, [](Fd, const SocketAddress&) {}, error);
  return listener ? "it listens" : error;
}

int option(const Fd& fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  ::getsockopt(fd.get(), level, name, &value, &size);
  return value;
}

void expect_accepts(const std::string& text) {
  Loop loop;
  Accepted accepted;
  const auto listener = listen_on(loop, socket_address(text), accepted);
  EXPECT_NE(0, listener->local_address().port());
  const Fd client = connect_to(listener->local_address());
  turn_until(loop, [&] { return !accepted.fds.empty(); });
  EXPECT_EQ(SocketAddress::local_of(client.get()).text(), accepted.peers[0].text());
  EXPECT_EQ(1, option(accepted.fds[0], IPPROTO_TCP, TCP_NODELAY));
  EXPECT_NE(0, ::fcntl(accepted.fds[0].get(), F_GETFL) & O_NONBLOCK);
  EXPECT_NE(0, ::fcntl(accepted.fds[0].get(), F_GETFD) & FD_CLOEXEC);
}

TEST(Listener, AcceptsOnIpv4) {
  expect_accepts("tcp://127.0.0.1:0");
}

TEST(Listener, AcceptsOnIpv6) {
  if (!ipv6_is_available()) GTEST_SKIP() << "this machine has no IPv6 loopback";
  expect_accepts("tcp://[::1]:0");
}

TEST(Listener, AcceptsOnAUnixSocketAndRemovesItsFile) {
  const TemporaryFolder folder;
  const SocketAddress address = socket_address("unix://" + folder.file("a.sock"));
  Loop loop;
  Accepted accepted;
  auto listener = listen_on(loop, address, accepted);
  EXPECT_EQ(address.text(), listener->local_address().text());
  const Fd client = connect_to(address);
  turn_until(loop, [&] { return !accepted.fds.empty(); });
  EXPECT_TRUE(accepted.peers[0].is_unix());
  listener.reset();
  EXPECT_FALSE(std::filesystem::exists(folder.file("a.sock")));
}

TEST(Listener, ReplacesAUnixSocketThatNobodyAnswersOn) {
  const TemporaryFolder folder;
  const SocketAddress address = socket_address("unix://" + folder.file("stale.sock"));
  {
    const Fd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(0, ::bind(dead.get(), address.get(), address.size()));
  }
  Loop loop;
  Accepted accepted;
  const auto listener = listen_on(loop, address, accepted);
  EXPECT_TRUE(connect_to(address));
}

TEST(Listener, LeavesTheFilesOfOthersAlone) {
  const TemporaryFolder folder;
  Loop loop;
  const SocketAddress live = socket_address("unix://" + folder.file("live.sock"));
  Accepted accepted;
  auto listener = listen_on(loop, live, accepted);
  EXPECT_EQ("cannot listen on " + live.text() + ": Address already in use", why_not(loop, live));
  EXPECT_TRUE(connect_to(live));

  const SocketAddress file = socket_address("unix://" + folder.file("notes.txt"));
  std::ofstream(folder.file("notes.txt")) << "not a socket";
  EXPECT_EQ("cannot listen on " + file.text() + ": Address already in use", why_not(loop, file));
  EXPECT_TRUE(std::filesystem::exists(folder.file("notes.txt")));

  // Somebody else has taken the place in the meantime.
  std::filesystem::remove(folder.file("live.sock"));
  const Fd successor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(0, ::bind(successor.get(), live.get(), live.size()));
  listener.reset();
  EXPECT_TRUE(std::filesystem::exists(folder.file("live.sock")));
}

TEST(Listener, SaysThatAnAddressIsTaken) {
  Loop loop;
  Accepted accepted;
  const auto listener = listen_on(loop, socket_address("tcp://127.0.0.1:0"), accepted);
  const SocketAddress taken = listener->local_address();
  EXPECT_EQ("cannot listen on " + taken.text() + ": Address already in use", why_not(loop, taken));
}

TEST(Listener, SharesItsPortWithThoseWhoJoinOnly) {
  Loop loop, second_loop;
  ListenOptions first, join;
  first.share = Share::kFirst;
  join.share = Share::kJoin;
  Accepted by_first, by_second;
  const auto listener = listen_on(loop, socket_address("tcp://127.0.0.1:0"), by_first, first);
  const SocketAddress shared = listener->local_address();
  const auto second = listen_on(second_loop, shared, by_second, join);
  EXPECT_EQ("cannot listen on " + shared.text() + ": Address already in use", why_not(loop, shared, first));
  EXPECT_EQ("cannot listen on " + shared.text() + ": Address already in use", why_not(loop, shared));

  std::vector<Fd> clients;
  for (int i = 0; i < 64; ++i) clients.push_back(connect_to(shared));
  turn_until(loop, [&] {
    second_loop.turn();
    return by_first.fds.size() + by_second.fds.size() == clients.size();
  });
  EXPECT_GT(by_first.fds.size(), 0u);  // 2^-63 is the chance that the kernel's hash put all on one side.
  EXPECT_GT(by_second.fds.size(), 0u);
}

TEST(Listener, AcceptsNoMoreThanItsBudgetInATurn) {
  Loop loop;
  ListenOptions options;
  options.accepts_per_turn = 10;
  Accepted accepted;
  const auto listener = listen_on(loop, socket_address("tcp://127.0.0.1:0"), accepted, options);
  std::vector<Fd> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(connect_to(listener->local_address()));
  size_t before = 0, most = 0;
  turn_until(loop, [&] {
    most = std::max(most, accepted.fds.size() - before);
    before = accepted.fds.size();
    return before == clients.size();
  });
  EXPECT_EQ(10u, most);
}

TEST(Listener, PausesAndResumes) {
  Loop loop;
  Accepted accepted;
  std::unique_ptr<Listener> listener;
  std::string error;
  listener = Listener::open(
      loop, socket_address("tcp://127.0.0.1:0"), {},
      [&](Fd fd, const SocketAddress&) {
        accepted.fds.push_back(std::move(fd));
        listener->pause();
      },
      error);
  const Fd one = connect_to(listener->local_address()), two = connect_to(listener->local_address());
  for (int i = 0; i < 10; ++i) loop.turn();
  EXPECT_EQ(1u, accepted.fds.size()) << "a pause within the callback holds at once";
  listener->resume();
  turn_until(loop, [&] { return accepted.fds.size() == 2; });
}

TEST(Listener, SetsTheBuffersOfWhatItAccepts) {
  Loop loop;
  ListenOptions options;
  options.send_buffer_bytes = 8'192;
  options.receive_buffer_bytes = 16'384;
  const Ends ends = tcp_ends(loop, options);
  EXPECT_EQ(2 * 8'192, option(ends.ours, SOL_SOCKET, SO_SNDBUF));  // Linux doubles them for its own use.
  EXPECT_EQ(2 * 16'384, option(ends.ours, SOL_SOCKET, SO_RCVBUF));
}

double thread_cpu_ms() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

void run_for(Loop& loop, uint64_t ms) {
  Timer end(loop, [&] { loop.stop(); });
  end.arm_at(loop.now_ms() + ms);
  loop.run();
}

TEST(Listener, OutOfDescriptorsWaitsWithoutSpinningAndGoesOn) {
  Loop loop;
  Accepted accepted;
  const auto listener = listen_on(loop, socket_address("tcp://127.0.0.1:0"), accepted);
  const Fd client = connect_to(listener->local_address());
  ASSERT_TRUE(client);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(0, ::setrlimit(RLIMIT_NOFILE, &none));
  const double cpu = thread_cpu_ms();
  run_for(loop, 450);
  const double spent = thread_cpu_ms() - cpu;
  ::setrlimit(RLIMIT_NOFILE, &before);

  EXPECT_TRUE(accepted.fds.empty());
  EXPECT_GE(listener->exhaustions(), 1u);
  EXPECT_LE(listener->exhaustions(), 6u) << "one try every 100 ms";
  EXPECT_LT(spent, 90) << "milliseconds of CPU in 450: it spins";
  turn_until(loop, [&] { return accepted.fds.size() == 1; });
}

TEST(Listener, APauseOutlastsTheRetry) {
  Loop loop;
  Accepted accepted;
  const auto listener = listen_on(loop, socket_address("tcp://127.0.0.1:0"), accepted);
  const Fd client = connect_to(listener->local_address());
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(0, ::setrlimit(RLIMIT_NOFILE, &none));
  turn_until(loop, [&] { return listener->exhaustions() == 1; });
  ::setrlimit(RLIMIT_NOFILE, &before);
  listener->pause();
  run_for(loop, 150);
  EXPECT_TRUE(accepted.fds.empty());
  EXPECT_TRUE(would_sleep(loop));
  listener->resume();
  turn_until(loop, [&] { return accepted.fds.size() == 1; });
}

}  // namespace
}  // namespace onehop::reactor
