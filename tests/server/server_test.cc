// Starting a broker: addresses, and every way in which its options can be wrong.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>

#include "onehop/option_rules.h"
#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "onehop-server-XXXXXX";
    EXPECT_NE(nullptr, ::mkdtemp(pattern.data()));
    path_ = pattern;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// What Broker::start says about options that it must refuse.
std::string refusal(const BrokerOptions& options) {
  std::string error = "untouched";
  EXPECT_EQ(nullptr, Broker::start(options, error));
  return error;
}

// a sends to b and b to a through the broker at these addresses.
void expect_exchange(const std::string& address_a, const std::string& address_b) {
  // Names of their own: the broker may not have noticed yet that those of an earlier exchange are gone.
  static int exchanges = 0;
  const std::string number = std::to_string(++exchanges);
  RawClient a(address_a);
  RawClient b(address_b);
  a.connect("a" + number);
  b.connect("b" + number);
  a.send(message_frame("b" + number, 1, "to b"));
  EXPECT_EQ("to b", b.read_kind(v1::Frame::kMessage).message().payload());
  b.send(message_frame("a" + number, 1, "to a"));
  EXPECT_EQ("to a", a.read_kind(v1::Frame::kMessage).message().payload());
}

bool has_ipv6() {
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = in6addr_loopback;
  const bool has = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&loopback), sizeof loopback) == 0;
  if (fd >= 0) ::close(fd);
  return has;
}

TEST(Server, StartsAndStopsWithNobodyThere) {
  for (const unsigned shards : {1u, 2u, 4u}) {
    BrokerRig broker(test_options(shards));
    EXPECT_EQ(shards, broker->shards());
    EXPECT_EQ(Broker::Stopped::kAllEnded, broker->stop(30'000));
  }
}

TEST(Server, EndsWithoutBeingStopped) {
  RawClient left_over = [] {
    const BrokerRig broker;
    RawClient client(broker.address());
    client.connect("a");
    return client;
  }();
  // Destroying the broker waits for nobody: a goodbye is not promised, the end of the connection is.
  left_over.read_to_end();
  EXPECT_NE(RawClient::End::kNot, left_over.end());
}

TEST(Server, OneShardForEachCoreByDefault) {
  const BrokerOptions options = test_options(0);
  BrokerRig broker(options);
  EXPECT_GE(broker->shards(), 1u);
  EXPECT_LE(broker->shards(), 64u);
}

TEST(Server, PortZeroTakesAFreeOneAndSaysWhich) {
  BrokerRig first;
  BrokerRig second;
  EXPECT_TRUE(first.address().starts_with("tcp://127.0.0.1:"));
  EXPECT_FALSE(first.address().ends_with(":0"));
  EXPECT_NE(first.address(), second.address());
  expect_exchange(first.address(), first.address());
}

TEST(Server, ListensOnSeveralAddresses) {
  const TemporaryFolder folder;
  BrokerOptions options = test_options(2);
  options.listen = {"tcp://127.0.0.1:0", "unix://" + folder.file("socket"), "tcp://127.0.0.1:0"};
  BrokerRig broker(options);
  ASSERT_EQ(3u, broker->addresses().size());
  EXPECT_EQ(options.listen[1], broker.address(1));
  EXPECT_NE(broker.address(0), broker.address(2));
  expect_exchange(broker.address(0), broker.address(1));
  expect_exchange(broker.address(1), broker.address(2));
}

TEST(Server, ListensOnIPv6) {
  if (!has_ipv6()) GTEST_SKIP() << "this machine has no IPv6 loopback address";
  BrokerOptions options = test_options(2);
  options.listen = {"tcp://[::1]:0"};
  BrokerRig broker(options);
  EXPECT_TRUE(broker.address().starts_with("tcp://[::1]:"));
  expect_exchange(broker.address(), broker.address());
}

TEST(Server, ListensOnAHostName) {
  BrokerOptions options = test_options();
  options.listen = {"tcp://localhost:0"};
  BrokerRig broker(options);
  expect_exchange(broker.address(), broker.address());
}

TEST(Server, AUnixSocketInUseIsRefusedAndAStaleFileReplaced) {
  const TemporaryFolder folder;
  const std::string path = folder.file("socket");
  BrokerOptions options = test_options(4);
  options.listen = {"unix://" + path};
  {
    BrokerRig broker(options);
    EXPECT_EQ("cannot listen on unix://" + path + ": Address already in use", refusal(options));
    expect_exchange(broker.address(), broker.address());  // The second attempt has taken nothing away.
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  {
    // What a killed broker leaves behind: a socket's file that nobody answers on.
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(0, ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address));
    ::close(fd);
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  BrokerRig broker(options);
  expect_exchange(broker.address(), broker.address());
}

TEST(Server, AFileThatIsNoSocketIsLeftAlone) {
  const TemporaryFolder folder;
  const std::string path = folder.file("notes");
  std::ofstream(path) << "mine";
  BrokerOptions options = test_options();
  options.listen = {"unix://" + path};
  EXPECT_TRUE(refusal(options).starts_with("cannot listen on unix://" + path + ": "));
  std::string text;
  std::ifstream(path) >> text;
  EXPECT_EQ("mine", text);
}

TEST(Server, APortInUseIsRefusedOnOneAndOnSeveralShards) {
  for (const unsigned shards : {1u, 4u}) {
    BrokerRig broker(test_options(shards));
    for (const unsigned others : {1u, 4u}) {
      BrokerOptions options = test_options(others);
      options.listen = {broker.address()};
      EXPECT_EQ("cannot listen on " + broker.address() + ": Address already in use", refusal(options))
          << shards << " shards, then " << others;
    }
  }
}

TEST(Server, RefusesAddressesThatItCannotRead) {
  const auto refusal_of = [](const std::string& address) {
    BrokerOptions options = test_options();
    options.listen = {address};
    return refusal(options);
  };
  EXPECT_EQ("address '127.0.0.1:7411': it must begin with tcp:// or unix://", refusal_of("127.0.0.1:7411"));
  EXPECT_EQ("address 'tcp://127.0.0.1': the port is missing: tcp://host:port", refusal_of("tcp://127.0.0.1"));
  EXPECT_EQ("address 'tcp://127.0.0.1:x': the port must be a number from 0 to 65535", refusal_of("tcp://127.0.0.1:x"));
  EXPECT_EQ("address 'unix://relative': a Unix socket is written unix:///path", refusal_of("unix://relative"));
  EXPECT_TRUE(refusal_of("tcp://no-such-host.invalid:1").starts_with("cannot resolve 'no-such-host.invalid': "));
}

TEST(Server, OneBadAddressAmongGoodOnesStartsNothing) {
  BrokerRig holder;
  const std::string free_address = [] { return BrokerRig().address(); }();
  BrokerOptions options = test_options(2);
  options.listen = {free_address, holder.address()};
  EXPECT_EQ("cannot listen on " + holder.address() + ": Address already in use", refusal(options));
  options.listen = {free_address};
  BrokerRig broker(options);  // Nothing holds the first address.
  EXPECT_EQ(free_address, broker.address());
}

TEST(Server, NotLoopbackNeedsAllowPlaintext) {
  const std::string why =
      ": not a loopback address, and nothing is encrypted there: use tls://, or set allow_plaintext";
  BrokerOptions options = test_options();
  for (const std::string all : {"tcp://0.0.0.0:0", "tcp://[::]:0"}) {
    if (all == "tcp://[::]:0" && !has_ipv6()) continue;
    options.listen = {all};
    EXPECT_EQ(all + why, refusal(options));
  }
  // Any address of 127.0.0.0/8 is loopback.
  options.listen = {"tcp://127.1.2.3:0"};
  EXPECT_TRUE(BrokerRig(options).address().starts_with("tcp://127.1.2.3:"));
  // What the flag allows is not tried here: a test listens on loopback only.
}

TEST(Server, RefusesOptionsOutOfRange) {
  const auto refusal_of = [](auto change) {
    BrokerOptions options = test_options();
    change(options);
    return refusal(options);
  };
  EXPECT_EQ("listen: no address is given", refusal_of([](BrokerOptions& o) { o.listen.clear(); }));
  EXPECT_EQ("shards: must be 0 to 64", refusal_of([](BrokerOptions& o) { o.shards = 65; }));
  const std::string frame = "frame_bytes_max: must be 16384 to 67108864";
  EXPECT_EQ(frame, refusal_of([](BrokerOptions& o) { o.frame_bytes_max = 16'383; }));
  EXPECT_EQ(frame, refusal_of([](BrokerOptions& o) { o.frame_bytes_max = 67'108'865; }));
  const std::string queue = "queue_bytes_max: must be at least 4 x frame_bytes_max";
  EXPECT_EQ(queue, refusal_of([](BrokerOptions& o) { o.queue_bytes_max = (4 << 20) - 1; }));
  const std::string keepalive = "keepalive_ms: must be 1000 to 600000";
  EXPECT_EQ(keepalive, refusal_of([](BrokerOptions& o) { o.keepalive_ms = 999; }));
  EXPECT_EQ(keepalive, refusal_of([](BrokerOptions& o) { o.keepalive_ms = 600'001; }));
  EXPECT_EQ("spin_us: must be 0 to 1000000", refusal_of([](BrokerOptions& o) { o.spin_us = 1'000'001; }));
}

TEST(Server, RefusesEachNumberOutsideItsRange) {
  int tried = 0;
  for (const OptionRule& rule : option_rules()) {
    if (rule.most == 0) continue;
    const std::string wanted = std::string(rule.name) + ": must be " + (rule.or_zero ? "0, " : "") +
                               std::to_string(rule.least) + " to " + std::to_string(rule.most);
    const auto expect_refused = [&](int64_t value) {
      BrokerOptions options = test_options();
      const bool fits = std::visit(
          [&](auto place) {
            using Number = std::remove_reference_t<decltype(options.*place)>;
            if constexpr (std::is_arithmetic_v<Number>) {
              options.*place = static_cast<Number>(value);
              return static_cast<int64_t>(options.*place) == value;
            }
            return false;
          },
          rule.place);
      if (!fits) return;
      ++tried;
      EXPECT_EQ(wanted, Broker::check(options)) << value;
    };
    // 0 asks for the default, where the range does not begin with it.
    if (rule.least != 1) expect_refused(static_cast<int64_t>(rule.least) - 1);
    expect_refused(static_cast<int64_t>(rule.most) + 1);
  }
  EXPECT_GE(tried, 15);
}

// broker.h: "Limits of the protocol … 0: the default, which is given here."
TEST(Server, ZeroMeansTheDefaultOfALimit) {
  BrokerOptions options = test_options();
  options.frame_bytes_max = 0;
  options.queue_bytes_max = 0;
  options.keepalive_ms = 0;
  options.slow_consumer_ms = 0;
  options.pause_lease_ms = 0;
  options.send_window = 0;
  options.receive_window = 0;
  options.ack_timeout_ms = 0;
  options.session_expiry_ms_max = 0;
  options.ttl_ms_max = 0;
  BrokerRig broker(options);
  RawClient a(broker.address());
  const v1::Connected connected = a.connect("a", [](v1::Connect& c) { c.set_session_expiry_ms(UINT32_MAX); });
  EXPECT_EQ(1u << 20, connected.frame_bytes_max());
  EXPECT_EQ(30'000u, connected.keepalive_ms());
  EXPECT_EQ(4'096u, connected.send_window());
  EXPECT_EQ(86'400'000u, connected.session_expiry_ms());
  EXPECT_EQ(3'600'000u, connected.ttl_ms_max());
  a.send(message_frame("a", 1, "to myself"));
  EXPECT_EQ("to myself", a.read_kind(v1::Frame::kMessage).message().payload());
}

TEST(Server, TheWindowsAndTimesOfConfirmedDeliveryAreOptions) {
  BrokerOptions options = test_options();
  options.send_window = 3;
  options.receive_window = 2;
  options.ack_timeout_ms = 300;
  options.session_expiry_ms_max = 1'000;
  options.ttl_ms_max = 2'000;
  BrokerRig broker(options);
  RawClient a(broker.address());
  const v1::Connected connected = a.connect("a", [](v1::Connect& c) { c.set_session_expiry_ms(5'000); });
  EXPECT_EQ(3u, connected.send_window());
  EXPECT_EQ(1'000u, connected.session_expiry_ms());
  EXPECT_EQ(2'000u, connected.ttl_ms_max());
  RawClient b(broker.address());
  b.connect("b");
  for (uint64_t id = 1; id <= 3; ++id) {
    v1::Frame frame = message_frame("b", id, "");
    frame.mutable_message()->set_confirm(v1::CONFIRM_DELIVERED);
    a.send(frame);
  }
  EXPECT_EQ(1u, b.read_kind(v1::Frame::kMessage).message().id());
  EXPECT_EQ(2u, b.read_kind(v1::Frame::kMessage).message().id());
  // Two fill its window; the third waits, until b has acknowledged nothing for too long.
  EXPECT_EQ(v1::CODE_SLOW_CONSUMER, b.read_goodbye().code());
  const v1::Receipts lost = a.read_kind(v1::Frame::kReceipts).receipts();
  ASSERT_EQ(2, lost.items_size());
  EXPECT_EQ(v1::OUTCOME_LOST, lost.items(0).outcome());
  EXPECT_TRUE(lost.items(0).attempted());
  EXPECT_FALSE(lost.items(1).attempted());
  const BrokerCounters counters = broker->counters();
  EXPECT_EQ(3u, counters.messages_lost);
  EXPECT_EQ(0u, counters.open_bytes);
}

TEST(Server, ConnectedStatesTheLimitsInForce) {
  BrokerOptions options = test_options();
  options.frame_bytes_max = 16'384;
  options.queue_bytes_max = 65'536;
  options.keepalive_ms = 1'234;
  BrokerRig broker(options);
  RawClient a(broker.address());
  const v1::Connected connected = a.connect("a");
  EXPECT_EQ("a", connected.name());
  EXPECT_EQ(1u, connected.protocol_version());
  EXPECT_TRUE(connected.server().starts_with("onehop/"));
  EXPECT_FALSE(connected.resume_token().empty());
  EXPECT_FALSE(connected.resumed());
  EXPECT_NE(0u, connected.session());
  EXPECT_EQ(1'234u, connected.keepalive_ms());
  EXPECT_EQ(0u, connected.session_expiry_ms());  // None was asked for.
  EXPECT_EQ(16'384u, connected.frame_bytes_max());
  EXPECT_EQ(4'096u, connected.send_window());
  EXPECT_EQ(8u << 20, connected.send_window_bytes());
  EXPECT_EQ(0u, connected.last_id());
  EXPECT_EQ(0u, connected.features());  // None was named.
  EXPECT_EQ(3'600'000u, connected.ttl_ms_max());
}

TEST(Server, CountersTellWhatHappened) {
  BrokerRig broker(test_options(2));
  RawClient a(broker.address());
  RawClient b(broker.address());
  a.connect("a");
  b.connect("b");
  a.send(message_frame("b", 1, "one"));
  a.send(message_frame("b", 2, "two"));
  a.send(message_frame("nobody", 3, "three"));
  a.read_to_pong();
  b.read_kind(v1::Frame::kMessage);
  b.read_kind(v1::Frame::kMessage);
  RawClient refused(broker.address());
  refused.send_bytes(std::string(1, '\0'));
  refused.read_goodbye();
  const BrokerCounters counters = broker->counters();
  EXPECT_EQ(2u, counters.connections);
  EXPECT_EQ(2u, counters.sessions);
  EXPECT_EQ(2u, counters.sessions_opened);
  EXPECT_EQ(1u, counters.connects_refused);
  EXPECT_EQ(3u, counters.messages_received);
  EXPECT_EQ(2u, counters.messages_admitted);
  EXPECT_EQ(1u, counters.messages_refused);
  EXPECT_EQ(0u, counters.messages_dropped);
  EXPECT_EQ(0u, counters.queued_bytes);
  EXPECT_GT(counters.bytes_received, 0u);
  EXPECT_GT(counters.bytes_sent, 0u);
}

TEST(Server, APeerThatIsGoneIsNotNamed) {
  BrokerRig broker(test_options(2));
  for (size_t i = 1; i <= 100; ++i) {
    RawClient rude(broker.address());
    rude.send_bytes(std::string(1, '\0'));
    rude.reset();
  }
  RawClient last(broker.address());
  last.connect("last");
  while (broker->counters().connections > 1) {
  }
  for (const SeenEvent& e : broker.events()) {
    EXPECT_TRUE(e.peer.empty() || e.peer.starts_with("tcp://127.0.0.1:")) << e.peer;
  }
}

}  // namespace
}  // namespace onehop::test
