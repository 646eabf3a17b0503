// A broker that stood still for a while does not hold that against its clients: it reads what they sent meanwhile
// before it judges anybody for being silent or late.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <chrono>
#include <deque>
#include <string>

#include "server_test/child_process.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Every thread of the process stands still from here on.
void stop(const ChildProcess& process) {
  process.send_signal(SIGSTOP);
  int status = 0;
  ASSERT_EQ(process.pid(), ::waitpid(process.pid(), &status, WUNTRACED));
  ASSERT_TRUE(WIFSTOPPED(status));
}

void wait_until(Clock::time_point when) {
  while (Clock::now() < when) ::poll(nullptr, 0, 10);
}

TEST(Stall, WhoPingedAllTheTimeStays) {
  Onehopd broker({"--shards", "2"});
  std::deque<RawClient> clients;
  for (int i = 0; i < 32; ++i) {
    clients.emplace_back(broker.address()).connect("client-" + std::to_string(i), [](v1::Connect& connect) {
      connect.set_keepalive_ms(1'000);
    });
  }
  for (RawClient& client : clients) client.read_to_pong();
  stop(broker);
  const Clock::time_point begin = Clock::now();
  uint64_t nonce = 1;
  for (int rounds = 1; rounds <= 9; ++rounds) {
    ++nonce;
    for (RawClient& client : clients) client.send(ping_frame(nonce));
    wait_until(begin + rounds * milliseconds(200));
  }
  broker.send_signal(SIGCONT);
  for (RawClient& client : clients) {
    for (uint64_t answered = 1; answered != nonce;) {
      const std::optional<v1::Frame> frame = client.read();
      ASSERT_TRUE(frame.has_value());
      ASSERT_FALSE(frame->has_goodbye()) << frame->goodbye().text();
      if (frame->has_pong()) answered = frame->pong().nonce();
    }
  }
}

std::string read_some(const RawClient& client) {
  std::string bytes(4'096, '\0');
  const ssize_t size = ::recv(client.fd(), bytes.data(), bytes.size(), 0);
  return bytes.substr(0, size < 0 ? 0 : static_cast<size_t>(size));
}

// Connects, PROXY headers and requests of operators that were in time, though nobody read them in time. There are more
// of them than are read in one turn of the loop.
TEST(Stall, WhoIntroducedItselfInTimeIsLetIn) {
  Onehopd broker({"--shards", "1", "--listen-proxy", "tcp://127.0.0.1:0", "--proxy-from", "127.0.0.1", "--admin",
                  "tcp://127.0.0.1:0"});
  const std::string header = "PROXY TCP4 192.0.2.7 127.0.0.1 40000 7411\r\n";
  std::deque<RawClient> clients, proxied;
  for (int i = 0; i < 200; ++i) clients.emplace_back(broker.address());
  for (int i = 0; i < 8; ++i) proxied.emplace_back(broker.addresses().at(1)).send_bytes(header.substr(0, 9));
  RawClient operators(broker.admin_address());
  operators.send_bytes("GET /livez HTTP/1.1\r\n");
  // Connections are accepted in their order: where the last is answered, those before have been.
  RawClient(broker.address()).connect("last");
  RawClient last_proxied(broker.addresses().at(1));
  last_proxied.send_bytes(header);
  last_proxied.connect("last-proxied");
  RawClient last_operator(broker.admin_address());
  last_operator.send_bytes("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  read_some(last_operator);
  stop(broker);
  const Clock::time_point begin = Clock::now();
  for (size_t i = 0; i < clients.size(); ++i) clients[i].send(connect_frame("client-" + std::to_string(i)));
  for (size_t i = 0; i < proxied.size(); ++i) {
    proxied[i].send_bytes(header.substr(9));
    proxied[i].send(connect_frame("proxied-" + std::to_string(i)));
  }
  operators.send_bytes("Host: localhost\r\n\r\n");
  wait_until(begin + milliseconds(5'300));  // All have 5 s.
  broker.send_signal(SIGCONT);
  for (std::deque<RawClient>* group : {&clients, &proxied}) {
    for (RawClient& client : *group) {
      const std::optional<v1::Frame> frame = client.read();
      ASSERT_TRUE(frame.has_value());
      EXPECT_TRUE(frame->has_connected()) << frame->ShortDebugString();
    }
  }
  EXPECT_TRUE(read_some(operators).starts_with("HTTP/1.1 200"));
}

}  // namespace
}  // namespace onehop::test
