// A client destroyed in another's event: whatever it was about to do is not done, and nobody looks at it again. What
// that would lead to is best seen by the address sanitizer.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "broker_process.h"
#include "loop_rig.h"
#include "onehop/loop_client.h"

namespace onehop::client {
namespace {

// A server that takes connections and reads what comes, but never answers.
class SilentServer {
 public:
  SilentServer() : path_(testing::TempDir() + "onehop_silent_" + std::to_string(getpid()) + ".sock") {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    unlink(path_.c_str());
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    EXPECT_EQ(0, bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address));
    EXPECT_EQ(0, listen(fd_, 16));
  }
  ~SilentServer() {
    for (const int fd : clients_) ::close(fd);
    ::close(fd_);
    unlink(path_.c_str());
  }
  std::string address() const { return "unix://" + path_; }
  // How many have said something so far.
  size_t heard() {
    for (int fd; (fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) clients_.push_back(fd);
    char byte;
    return static_cast<size_t>(std::count_if(clients_.begin(), clients_.end(),
                                             [&](int fd) { return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1; }));
  }

 private:
  const std::string path_;
  int fd_ = -1;
  std::vector<int> clients_;
};

// Three have something to do when the loop is about to sleep. The end of one, told in the middle of that, is the end of
// the others: of one that was there before it in the list, and of one that comes behind it.
TEST(LoopClient, AnEventOfAFlushMayDestroyOtherClients) {
  SilentServer server;
  ProgramLoop loop;
  std::vector<Peer> peers(4);
  std::vector<std::unique_ptr<LoopClient>> clients(4);
  {
    ClientLoop client_loop(loop.get());
    for (size_t i = 0; i < 3; ++i) {
      clients[i] = started(client_loop, server.address(), named("c" + std::to_string(i)), peers[i]);
    }
    // Connected, with nothing in the way of an end.
    while (server.heard() != 3) uv_run(loop.get(), UV_RUN_NOWAIT);
    peers[1].at_end = [&] {
      clients[0].reset();
      clients[2].reset();
      clients[3] = started(client_loop, server.address(), named("c3"), peers[3]);
      clients[3]->close(60'000);
    };
    for (size_t i = 0; i < 3; ++i) clients[i]->close(60'000);
    loop.run_until([&] { return peers[3].ended; });
    EXPECT_TRUE(peers[0].ended);
    EXPECT_TRUE(peers[1].ended);
    EXPECT_FALSE(peers[2].ended) << "it is not heard of again";
    clients.clear();
  }
}

// The same from a message, with clients that are connected, have bytes to read and bytes to write.
TEST(LoopClient, AMessageMayDestroyOtherClients) {
  BrokerProcess broker({"--shards", "2"});
  ProgramLoop loop;
  constexpr size_t kClients = 8;
  std::vector<Peer> peers(kClients);
  std::vector<std::unique_ptr<LoopClient>> clients(kClients);
  {
    ClientLoop client_loop(loop.get());
    for (size_t i = 0; i < kClients; ++i) {
      clients[i] = started(client_loop, broker.address(), named("c" + std::to_string(i)), peers[i]);
    }
    loop.run_until(
        [&] { return std::all_of(peers.begin(), peers.end(), [](const Peer& p) { return p.opened == 1; }); });
    // Whoever hears first is the only one left.
    size_t left = kClients;
    for (size_t i = 0; i < kClients; ++i) {
      peers[i].at_message = [&, i] {
        if (left != kClients) return;
        left = i;
        for (size_t other = 0; other < kClients; ++other) {
          if (other == i) continue;
          clients[other]->send("nobody", "so that it has something to write");
          clients[other].reset();
        }
        clients[i]->send("c" + std::to_string(i), "to myself");
      };
    }
    for (size_t i = 0; i < kClients; ++i) {
      for (size_t to = 0; to < kClients; ++to) clients[i]->send("c" + std::to_string(to), std::to_string(i));
    }
    loop.run_until([&] {
      if (left == kClients) return false;
      const std::vector<std::string>& messages = peers[left].messages;
      return std::find(messages.begin(), messages.end(), "to myself") != messages.end();
    });
    for (size_t i = 0; i < kClients; ++i) EXPECT_EQ(i == left, !peers[i].messages.empty()) << i;
    clients.clear();
  }
}

}  // namespace
}  // namespace onehop::client
