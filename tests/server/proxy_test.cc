// Listeners behind a balancer, over real sockets: whose headers are taken, what is seen of the real peer, and every way
// to be refused.
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <string>

#include "server/parts.h"
#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

constexpr size_t kPlain = 0;
constexpr size_t kProxy = 1;

BrokerOptions proxy_options(unsigned shards = 1) {
  BrokerOptions options = test_options(shards);
  options.listen_proxy = {"tcp://127.0.0.1:0"};
  options.proxy_from = {"127.0.0.1"};
  return options;
}

std::string line_from(const std::string& host, uint16_t port = 40'000) {
  return "PROXY TCP4 " + host + " 127.0.0.1 " + std::to_string(port) + " 7411\r\n";
}
const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
const std::string kLocal = kSignature + std::string("\x20\x00\x00\x00", 4);
const std::string kUnix = kSignature + std::string("\x21\x31\x00\xD8", 4) + std::string(216, '\0');
const std::string kVersion2 =
    kSignature + std::string("\x21\x11\x00\x0C\xC0\x00\x02\x07\x7F\x00\x00\x01\x00\x50\x1C\xF3", 16);

SeenEvent opened(BrokerRig& broker, const std::string& name) {
  return broker.wait_for(
      [&](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kSessionOpened && e.name == name; });
}

// Sends `bytes`, and Connect behind them.
void connect_behind(RawClient& client, const std::string& bytes, const std::string& name) {
  client.send_bytes(bytes);
  EXPECT_EQ(name, client.connect(name).name());
}

TEST(Proxy, TheAddressOfTheHeaderIsWhatIsSeen) {
  BrokerRig broker(proxy_options());
  ASSERT_EQ(2u, broker->addresses().size());
  RawClient one(broker.address(kProxy)), two(broker.address(kProxy)), three(broker.address(kProxy));
  connect_behind(one, line_from("192.0.2.7"), "one");
  connect_behind(two, kVersion2, "two");
  connect_behind(three, "PROXY TCP6 2001:db8::1 ::1 5 6\r\n", "three");
  EXPECT_EQ("tcp://192.0.2.7:40000", opened(broker, "one").peer);
  EXPECT_EQ("tcp://192.0.2.7:80", opened(broker, "two").peer);
  EXPECT_EQ("tcp://[2001:db8::1]:5", opened(broker, "three").peer);
  const ClientPage page = broker->clients({});
  ASSERT_EQ(3u, page.clients.size());
  EXPECT_EQ("tcp://192.0.2.7:40000", page.clients[0].peer);
  EXPECT_EQ(0u, broker->counters().proxy_refusals);
}

TEST(Proxy, WhoTheBalancerDoesNotNameIsTheBalancer) {
  BrokerRig broker(proxy_options());
  RawClient local(broker.address(kProxy)), unknown(broker.address(kProxy)), local_socket(broker.address(kProxy));
  connect_behind(local, kLocal, "local");
  connect_behind(unknown, "PROXY UNKNOWN\r\n", "unknown");
  connect_behind(local_socket, kUnix, "local-socket");
  EXPECT_EQ(local.local_address(), opened(broker, "local").peer);
  EXPECT_EQ(unknown.local_address(), opened(broker, "unknown").peer);
  EXPECT_EQ("unix://", opened(broker, "local-socket").peer);
}

TEST(Proxy, TheHeaderMayComeInAnyPiecesTogetherWithTheFirstFrame) {
  BrokerRig broker(proxy_options());
  const std::string all = kVersion2 + wire(connect_frame("a")) + wire(ping_frame(7));
  for (size_t cut = 1; cut < all.size(); cut += 3) {
    RawClient client(broker.address(kProxy));
    client.send_bytes(all.substr(0, cut));
    client.send_bytes(all.substr(cut));
    EXPECT_EQ(7u, client.read_kind(v1::Frame::kPong).pong().nonce()) << cut;
    client.send(goodbye_frame(v1::CODE_NORMAL));
    client.read_to_end();
  }
  // Byte by byte, each in a segment of its own as far as the system lets it be.
  RawClient client(broker.address(kProxy));
  for (const char byte : all) client.send_bytes({&byte, 1});
  EXPECT_EQ(7u, client.read_kind(v1::Frame::kPong).pong().nonce());
}

TEST(Proxy, ALongTailOfFramesBehindTheHeaderIsNotLost) {
  BrokerRig broker(proxy_options());
  RawClient client(broker.address(kProxy));
  std::string all = kVersion2 + wire(connect_frame("a"));
  for (uint64_t i = 1; i <= 5'000; ++i) all += wire(message_frame("a", i, "to myself"));
  client.send_bytes(all);
  for (uint64_t i = 1; i <= 5'000; ++i) ASSERT_EQ(i, client.read_kind(v1::Frame::kMessage).message().id());
}

TEST(Proxy, TheAddressGoesAlongToAnotherShard) {
  BrokerOptions options = proxy_options(4);
  options.acceptors = 1;
  BrokerRig broker(options);
  std::deque<RawClient> clients;
  for (uint16_t i = 0; i < 20; ++i) {
    const std::string name = "client-" + std::to_string(i);
    connect_behind(clients.emplace_back(broker.address(kProxy)), line_from("192.0.2.7", i), name);
    EXPECT_EQ("tcp://192.0.2.7:" + std::to_string(i), opened(broker, name).peer);
  }
  EXPECT_GT(broker->counters().hand_overs, 0u);
}

TEST(Proxy, WhateverElseComesIsClosedAndCounted) {
  BrokerRig broker(proxy_options());
  struct Row {
    std::string bytes, text;
  };
  const Row rows[] = {
      {wire(connect_frame("a")), "no PROXY header, which must come first here"},
      {"GET / HTTP/1.1\r\n\r\n", "no PROXY header, which must come first here"},
      {"PROXY TCP4 1.2.3.4\r\n", "an address in the PROXY header is broken"},
      {"PROXY UNKNOWN " + std::string(100, 'x'), "the PROXY header has no end"},
      {kSignature + "\x11", "a PROXY header of an unknown version or command"},
      {kSignature + "\x21\x12", "a PROXY header of an unknown family"},
  };
  uint64_t refused = 0;
  for (const Row& row : rows) {
    RawClient client(broker.address(kProxy));
    client.send_bytes(row.bytes);
    EXPECT_TRUE(client.read_to_end().empty());  // Not a word: who knows what the other side speaks.
    const std::string peer = client.local_address();
    const SeenEvent event = broker.wait_for([&](const SeenEvent& e) { return e.peer == peer; });
    EXPECT_EQ(BrokerEvent::Kind::kConnectRefused, event.kind);
    EXPECT_EQ(row.text, event.text);
    EXPECT_EQ(++refused, broker->counters().proxy_refusals);
  }
  RawClient cut(broker.address(kProxy));
  const std::string peer = cut.local_address();
  cut.send_bytes(kVersion2.substr(0, 20));
  cut.end_writing();
  EXPECT_TRUE(cut.read_to_end().empty());
  EXPECT_EQ("the connection ended within its PROXY header",
            broker.wait_for([&](const SeenEvent& e) { return e.peer == peer; }).text);
  EXPECT_EQ(0u, broker->counters().sessions_opened);
}

TEST(Proxy, OnlyThoseInProxyFromAreBelieved) {
  BrokerOptions options = proxy_options();
  options.proxy_from = {"10.0.0.0/8", "::1"};
  BrokerRig broker(options);
  RawClient forger(broker.address(kProxy));
  const std::string peer = forger.local_address();
  forger.send_bytes(line_from("192.0.2.7") + wire(connect_frame("forger")));
  EXPECT_TRUE(forger.read_to_end().empty());
  EXPECT_EQ("PROXY headers of this address are not believed: see proxy_from",
            broker.wait_for([&](const SeenEvent& e) { return e.peer == peer; }).text);
  EXPECT_EQ(1u, broker->counters().proxy_refusals);
  // It need not say anything for that.
  RawClient silent(broker.address(kProxy));
  EXPECT_TRUE(silent.read_to_end().empty());
  EXPECT_EQ(2u, broker->counters().proxy_refusals);

  options.proxy_from = {"10.0.0.0/8", "127.0.0.0/8"};
  std::string error;
  ASSERT_TRUE(broker->reload(options, error)) << error;
  RawClient believed(broker.address(kProxy));
  connect_behind(believed, line_from("192.0.2.7"), "believed");
}

TEST(Proxy, UnixSocketsAreBelievedIfItSaysSo) {
  const std::string path = testing::TempDir() + "onehop-proxy.sock";
  for (const bool believed : {true, false}) {
    BrokerOptions options = proxy_options();
    options.listen_proxy = {"unix://" + path};
    options.proxy_from = {believed ? "unix" : "127.0.0.1"};
    BrokerRig broker(options);
    RawClient client(broker.address(kProxy));
    client.send_bytes(line_from("192.0.2.7") + wire(connect_frame("a")));
    EXPECT_EQ(believed, client.read().has_value());
    if (believed) {
      EXPECT_EQ("tcp://192.0.2.7:40000", opened(broker, "a").peer);
    }
  }
}

TEST(Proxy, AForgedHeaderOnAPlainListenerIsABadFirstFrame) {
  BrokerRig broker(proxy_options());
  for (const std::string& header : {line_from("192.0.2.7"), kVersion2}) {
    RawClient forger(broker.address(kPlain));
    forger.send_bytes(header + wire(connect_frame("forger")));
    const v1::Goodbye goodbye = forger.read_goodbye();
    EXPECT_EQ(v1::CODE_PROTOCOL_ERROR, goodbye.code());
    EXPECT_EQ("this is a PROXY header; this listener takes none", goodbye.text());
  }
}

TEST(Proxy, ChecksOfTheBalancerLeaveNoEvent) {
  BrokerRig broker(proxy_options());
  for (int i = 0; i < 10; ++i) {
    RawClient(broker.address(kPlain)).close();
    RawClient(broker.address(kPlain)).reset();
    RawClient(broker.address(kProxy)).close();
    RawClient(broker.address(kProxy)).reset();
    RawClient local(broker.address(kProxy));
    local.send_bytes(kLocal);
    local.end_writing();
    EXPECT_TRUE(local.read_to_end().empty());
    RawClient rude(broker.address(kProxy));
    rude.send_bytes(kLocal);
    rude.reset();
  }
  // Both listeners have been through all of them once they have served somebody who came later.
  RawClient(broker.address(kPlain)).connect("plain");
  RawClient behind(broker.address(kProxy));
  connect_behind(behind, kLocal, "behind");
  for (const SeenEvent& e : broker.events()) EXPECT_FALSE(e.name.empty()) << e.peer << " " << e.text;
  EXPECT_EQ(0u, broker->counters().proxy_refusals);
}

// Takes as long as the deadline, 5 s.
TEST(Proxy, ADribbleDoesNotMoveTheDeadline) {
  BrokerRig broker(proxy_options());
  RawClient silent(broker.address(kProxy)), dribbling(broker.address(kProxy)), late(broker.address(kProxy));
  const std::string silent_peer = silent.local_address(), dribbling_peer = dribbling.local_address();
  late.send_bytes(kVersion2);
  // A byte whenever the broker has answered a question of somebody else's: more of them than a header could do with.
  RawClient clock(broker.address(kPlain));
  clock.connect("clock");
  dribbling.send_bytes(kSignature + std::string("\x21\x11\x10\x00", 4));
  uint64_t nonce = 0;
  for (size_t sent = 0; dribbling.end() == RawClient::End::kNot; dribbling.gather()) {
    clock.read_to_pong(++nonce);
    if (nonce % 64 == 0 && sent < 4'000) {
      dribbling.send_bytes("x");
      ++sent;
    }
  }
  for (const std::string& peer : {silent_peer, dribbling_peer}) {
    EXPECT_EQ("no complete PROXY header came in time",
              broker.wait_for([&](const SeenEvent& e) { return e.peer == peer; }).text);
  }
  EXPECT_TRUE(silent.read_to_end().empty());
  // It is the same deadline as that for the Connect behind the header.
  EXPECT_EQ(v1::CODE_CONNECT_TIMEOUT, late.read_goodbye().code());
  EXPECT_EQ(2u, broker->counters().proxy_refusals);
}

// The later one is ended, too, although nobody comes any more who would remind the broker of it.
TEST(Proxy, EachWaitsUntilADeadlineOfItsOwn) {
  BrokerRig broker(proxy_options(), [](const BrokerOptions& options, std::string& error) {
    return server::start_broker(options, {nullptr, 200}, error);
  });
  RawClient clock(broker.address(kPlain));
  clock.connect("clock");
  RawClient first(broker.address(kProxy));
  const auto begun = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < begun + std::chrono::milliseconds(50)) clock.read_to_pong();
  RawClient second(broker.address(kProxy));
  for (RawClient* silent : {&first, &second}) {
    const std::string peer = silent->local_address();
    EXPECT_EQ("no complete PROXY header came in time",
              broker.wait_for([&](const SeenEvent& e) { return e.peer == peer; }).text);
    EXPECT_TRUE(silent->read_to_end().empty());
  }
}

TEST(Proxy, WhoWaitsForAHeaderHoldsAPlaceAndGivesItBack) {
  BrokerOptions options = proxy_options();
  options.connections_max = 2;
  BrokerRig broker(options);
  for (int i = 0; i < 5; ++i) {
    RawClient waiting(broker.address(kProxy)), broken(broker.address(kProxy));
    waiting.send_bytes("PROXY ");
    broken.send_bytes("nonsense");
    EXPECT_TRUE(broken.read_to_end().empty());
  }
  RawClient last(broker.address(kProxy));
  connect_behind(last, kLocal, "last");
}

TEST(Proxy, LimitsCountTheAddressOfTheHeader) {
  BrokerOptions options = proxy_options(2);
  options.acceptors = 1;
  options.address_connections_max = 1;
  BrokerRig broker(options);
  RawClient a(broker.address(kProxy)), b(broker.address(kProxy)), itself(broker.address(kProxy));
  connect_behind(a, line_from("192.0.2.1"), "a");
  connect_behind(b, line_from("192.0.2.2"), "b");
  RawClient again(broker.address(kProxy));
  again.send_bytes(line_from("192.0.2.1", 41'000));
  EXPECT_EQ(v1::CODE_RATE_EXCEEDED, again.read_goodbye().code());
  EXPECT_EQ("tcp://192.0.2.1:41000",
            broker.wait_for([](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kConnectRefused; }).peer);
  // The balancer itself has no limit.
  connect_behind(itself, kLocal, "itself");
  RawClient second(broker.address(kProxy));
  connect_behind(second, kLocal, "second");
  EXPECT_EQ(1u, broker->counters().address_refusals);
}

TEST(Proxy, StoppingDoesNotWaitForHeaders) {
  BrokerRig broker(proxy_options());
  RawClient waiting(broker.address(kProxy));
  waiting.send_bytes("PROXY ");
  EXPECT_EQ(Broker::Stopped::kAllEnded, broker->stop(60'000));
  EXPECT_TRUE(waiting.read_to_end().empty());
}

TEST(Proxy, WrongOptionsAreRefused) {
  const auto error_of = [](const BrokerOptions& options) {
    std::string error;
    EXPECT_EQ(nullptr, Broker::start(options, error));
    return error;
  };
  BrokerOptions options = proxy_options();
  options.proxy_from = {};
  EXPECT_EQ("proxy_from: must say whose headers are believed on the addresses of listen_proxy", error_of(options));
  options.proxy_from = {"10.0.0.1/8"};
  EXPECT_EQ("proxy_from: '10.0.0.1/8': the address has bits beyond the range's length", error_of(options));
  options = proxy_options();
  options.listen_proxy = {"tcp://0.0.0.0:0"};
  EXPECT_EQ(
      "tcp://0.0.0.0:0: not a loopback address, and nothing is encrypted there: use tls://, or set allow_plaintext",
      error_of(options));
  options.listen_proxy = {};
  options.listen = {};
  EXPECT_EQ("listen: no address is given", error_of(options));
}

TEST(Proxy, ABrokerMayListenBehindBalancersOnly) {
  BrokerOptions options = proxy_options();
  options.listen = {};
  BrokerRig broker(options);
  ASSERT_EQ(1u, broker->addresses().size());
  RawClient client(broker.address());
  connect_behind(client, kVersion2, "a");
}

}  // namespace
}  // namespace onehop::test
