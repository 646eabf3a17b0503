// Tests of the drivers against real servers. Each test starts its own server. All settings are defaults, except for the
// limits at which servers drop messages for slow readers, since here both ends must receive everything. A test fails if
// its server is not installed.
#include <algorithm>
#include <array>

#include "peer_rig.h"
#include "real_server.h"

namespace onehop::loadgen::test {
namespace {

constexpr uint64_t kMessages = 10'000;

using Flags = std::vector<std::string>;

RealServer start_nats(const Flags& more = {}) {
  return RealServer("nats-server", [&](uint16_t port, const std::filesystem::path&) {
    Flags flags{"-a", "127.0.0.1", "-p", std::to_string(port)};
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
  });
}

// If root starts mosquitto, it changes its user unless told not to. The kernel then forgets to end it together with the
// test.
RealServer start_mosquitto(const std::string& more = "allow_anonymous true\n") {
  return RealServer("mosquitto", [&](uint16_t port, const std::filesystem::path& folder) {
    const std::filesystem::path file = folder / "mosquitto.conf";
    std::ofstream(file) << "listener " << port
                        << " 127.0.0.1\nuser root\nmax_queued_messages 0\nmax_inflight_messages 0\n"
                        << more;
    return Flags{"-c", file};
  });
}

RealServer start_redis(const Flags& more = {}) {
  return RealServer("redis-server", [&](uint16_t port, const std::filesystem::path& folder) {
    Flags flags{"--bind", "127.0.0.1", "--port", std::to_string(port),           "--dir",
                folder,   "--save",    "",       "--client-output-buffer-limit", "pubsub 0 0 0"};
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
  });
}

std::unique_ptr<Driver> make(std::unique_ptr<Driver> (*make_driver)(const DriverOptions&), Confirm confirm) {
  DriverOptions options;
  options.confirm = confirm;
  return make_driver(options);
}

// The payload of message `number` of a direction: 24 bytes to 100 KiB, all different.
std::string payload_of(uint64_t direction, uint64_t number) {
  constexpr std::array<size_t, 8> kSizes = {24, 100, 24, 1'000, 127, 128, 4'096, 24};
  const size_t size = number % 100 == 99 ? size_t{100} << 10 : number % 50 == 7 ? 16'384 : kSizes[number % 8];
  std::string payload(size, '\0');
  Random random(direction << 32 | number);
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    const uint64_t word = random.next();
    std::memcpy(payload.data() + at, &word, std::min(sizeof word, size - at));
  }
  return payload;
}

// One of two clients that send each other kMessages.
struct Client {
  Client(const RealServer& server, Driver& driver, const std::string& name, uint64_t its_direction)
      : socket(driver, {name}, server.connect()), direction(its_direction) {}

  SocketPeer socket;
  const uint64_t direction;
  uint64_t sent = 0;
  uint64_t received = 0;
  uint64_t wrong = 0;

  void expect_from(const Client& other) {
    socket.diary.when_message = [this, &other](Bytes payload) {
      if (payload != payload_of(other.direction, received)) ++wrong;
      ++received;
    };
  }
  void write_to(Bytes other) {
    while (sent < kMessages && socket.out.size() < 256 << 10 && socket.peer().may_send()) {
      const std::string payload = payload_of(direction, sent);
      socket.send(++sent, other, payload);
    }
  }
};

bool leave(const std::vector<SocketPeer*>& peers) {
  for (SocketPeer* peer : peers) peer->peer().leave(peer->out);
  return run(peers, [&] {
    return std::all_of(peers.begin(), peers.end(),
                       [](const SocketPeer* peer) { return peer->closed() || peer->diary.ended; });
  });
}

// Amy and Bob send each other kMessages, ping now and then, and leave. `told` gets the outcomes that Amy was told.
void exchange(const RealServer& server, Driver& driver, const std::string& name, Lines& told) {
  Client amy(server, driver, "amy", 1);
  Client bob(server, driver, "bob", 2);
  amy.expect_from(bob);
  bob.expect_from(amy);
  const std::vector<SocketPeer*> both{&amy.socket, &bob.socket};
  ASSERT_TRUE(run(both, [&] { return amy.socket.diary.ready && bob.socket.diary.ready; })) << server.log();
  EXPECT_TRUE(amy.socket.diary.lines.front().starts_with("ready " + name)) << amy.socket.diary.lines.front();

  uint64_t turns = 0;
  const auto done = [&] {
    const bool all_told =
        !driver.tells() || (amy.socket.diary.told.size() == kMessages && bob.socket.diary.told.size() == kMessages);
    return amy.received >= kMessages && bob.received >= kMessages && all_told;
  };
  const auto write = [&] {
    amy.write_to("bob");
    bob.write_to("amy");
    if (++turns % 64 == 0) amy.socket.peer().write_keepalive(amy.socket.out);
  };
  ASSERT_TRUE(run(both, done, write)) << amy.received << " and " << bob.received << " received; " << server.log();
  EXPECT_EQ(amy.wrong + bob.wrong, 0U);
  EXPECT_TRUE(leave(both));
  EXPECT_EQ(amy.received, kMessages);
  EXPECT_EQ(bob.received, kMessages);
  told = amy.socket.diary.told;
}

std::string why_not_started(const std::string& program, const Flags& flags) {
  try {
    const RealServer server(program, [&](uint16_t, const std::filesystem::path&) { return flags; });
    return "started";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

// The other tests fail without their servers. The message must say what to do.
TEST(RealServers, SayWhyTheyAreNotThere) {
  EXPECT_EQ(why_not_started("no-such-server", {}),
            "no-such-server is not installed, which this test needs: install the package of that name");
  const std::string why = why_not_started("redis-server", {"--no-such-flag", "1"});
  EXPECT_NE(why.find("does not start"), std::string::npos) << why;
  EXPECT_NE(why.find("no-such-flag"), std::string::npos) << why;
}

TEST(RealServers, NatsCarriesEverythingInOrder) {
  const RealServer server = start_nats();
  Lines told;
  exchange(server, *make(make_nats_driver, Confirm::kNone), "nats-server 2.", told);
  EXPECT_TRUE(told.empty());
}

TEST(RealServers, MosquittoCarriesEverythingInOrderWithQos0) {
  const RealServer server = start_mosquitto();
  Lines told;
  exchange(server, *make(make_mqtt_driver, Confirm::kNone), "", told);
  EXPECT_TRUE(told.empty());
}

TEST(RealServers, MosquittoCarriesEverythingInOrderWithQos1) {
  const RealServer server = start_mosquitto();
  Lines told;
  exchange(server, *make(make_mqtt_driver, Confirm::kTaken), "", told);
  ASSERT_EQ(told.size(), kMessages);
  EXPECT_EQ(told.front(), "1 ADMITTED");
  EXPECT_EQ(told.back(), "10000 ADMITTED");
}

TEST(RealServers, RedisCarriesEverythingInOrder) {
  const RealServer server = start_redis();
  Lines told;
  exchange(server, *make(make_redis_driver, Confirm::kNone), "redis 7.", told);
  EXPECT_TRUE(told.empty());
  exchange(server, *make(make_redis_driver, Confirm::kTaken), "redis 7.", told);
  ASSERT_EQ(told.size(), kMessages);
  EXPECT_EQ(told.back(), "10000 ADMITTED");
}

// There are more messages than packet ids, so the ids go round.
TEST(RealServers, MosquittoAcknowledgesMoreThanThereArePacketIds) {
  const RealServer server = start_mosquitto();
  const std::unique_ptr<Driver> driver = make(make_mqtt_driver, Confirm::kTaken);
  SocketPeer amy(*driver, {"amy", false}, server.connect());
  ASSERT_TRUE(run({&amy}, [&] { return amy.diary.ready; }));
  constexpr uint64_t kCount = 150'000;
  uint64_t sent = 0;
  const auto write = [&] {
    while (sent < kCount && amy.out.size() < 256 << 10 && amy.peer().may_send()) amy.send(++sent, "nobody", "payload");
  };
  ASSERT_TRUE(run(
      {&amy}, [&] { return amy.diary.told.size() == kCount; }, write))
      << amy.diary.told.size();
  EXPECT_EQ(amy.diary.told.back(), "150000 ADMITTED");
  EXPECT_TRUE(leave({&amy}));
  EXPECT_TRUE(amy.closed());
  EXPECT_FALSE(amy.diary.ended);
}

TEST(RealServers, RedisTellsWhetherSomebodyIsSubscribed) {
  const RealServer server = start_redis();
  const std::unique_ptr<Driver> driver = make(make_redis_driver, Confirm::kTaken);
  SocketPeer amy(*driver, {"amy", false}, server.connect());
  SocketPeer bob(*driver, {"bob"}, server.connect());
  ASSERT_TRUE(run({&amy, &bob}, [&] { return amy.diary.ready && bob.diary.ready; }));
  amy.send(1, "bob", "one");
  amy.send(2, "nobody", "two");
  amy.send(3, "amy", "she does not receive");
  amy.send(4, "bob", "four");
  ASSERT_TRUE(run({&amy, &bob}, [&] { return amy.diary.told.size() == 4 && bob.diary.lines.size() == 3; }));
  EXPECT_EQ(amy.diary.told,
            (Lines{"1 ADMITTED", "2 REJECTED NO_SUBSCRIBER", "3 REJECTED NO_SUBSCRIBER", "4 ADMITTED"}));
  EXPECT_EQ(bob.diary.lines, (Lines{bob.diary.lines[0], "message one", "message four"}));
  EXPECT_TRUE(leave({&amy, &bob}));
  EXPECT_TRUE(amy.closed());
  EXPECT_FALSE(amy.diary.ended);
}

// A client that sends to its own name receives its messages, whatever comes in between.
TEST(RealServers, AClientMaySendToItself) {
  const RealServer nats = start_nats();
  const RealServer mosquitto = start_mosquitto();
  const RealServer redis = start_redis();
  const std::unique_ptr<Driver> drivers[] = {make(make_nats_driver, Confirm::kNone),
                                             make(make_mqtt_driver, Confirm::kTaken),
                                             make(make_redis_driver, Confirm::kTaken)};
  const RealServer* servers[] = {&nats, &mosquitto, &redis};
  for (size_t i = 0; i < 3; ++i) {
    SocketPeer amy(*drivers[i], {"amy"}, servers[i]->connect());
    ASSERT_TRUE(run({&amy}, [&] { return amy.diary.ready; }));
    amy.send(1, "amy", "hello");
    amy.peer().write_keepalive(amy.out);
    amy.send(2, "amy", "again");
    ASSERT_TRUE(run({&amy}, [&] {
      return amy.diary.lines.size() == 3 && amy.diary.told.size() == (drivers[i]->tells() ? 2U : 0U);
    }));
    EXPECT_EQ(amy.diary.lines[1], "message hello");
    EXPECT_EQ(amy.diary.lines[2], "message again");
    EXPECT_TRUE(leave({&amy}));
  }
}

// Drives a client until its connection is over, and returns the last line that it was told.
std::string last_line(const RealServer& server, Driver& driver, size_t payload_bytes = 0) {
  SocketPeer amy(driver, {"amy"}, server.connect());
  if (payload_bytes != 0) amy.diary.when_ready = [&] { amy.send(1, "amy", std::string(payload_bytes, 'p')); };
  EXPECT_TRUE(run({&amy}, [&] { return amy.closed() || amy.diary.ended; }));
  return amy.diary.lines.empty() ? "" : amy.diary.lines.back();
}

// These servers answer to a protocol that they do not understand.
TEST(RealServers, AServerOfAnotherKindEndsTheConnection) {
  const RealServer nats = start_nats();
  EXPECT_TRUE(last_line(nats, *make(make_mqtt_driver, Confirm::kNone)).starts_with("ended not MQTT"));
  EXPECT_TRUE(last_line(nats, *make(make_redis_driver, Confirm::kNone)).starts_with("ended not Redis"));
  const RealServer mosquitto = start_mosquitto();
  EXPECT_EQ(last_line(mosquitto, *make(make_redis_driver, Confirm::kNone)), "");
}

TEST(RealServers, WhoIsRefusedLearnsWhy) {
  const RealServer nats = start_nats({"--auth", "secret"});
  EXPECT_EQ(last_line(nats, *make(make_nats_driver, Confirm::kNone)),
            "ended the NATS server says 'Authorization Violation'");
  const RealServer mosquitto = start_mosquitto("allow_anonymous false\n");
  EXPECT_EQ(last_line(mosquitto, *make(make_mqtt_driver, Confirm::kTaken)),
            "ended the MQTT broker refuses the connection: not authorized");
  const RealServer redis = start_redis({"--requirepass", "secret"});
  EXPECT_TRUE(
      last_line(redis, *make(make_redis_driver, Confirm::kTaken)).starts_with("ended the Redis server says NOAUTH"));
}

// Sends the largest message that the NATS driver promises, and one that is a byte larger.
TEST(RealServers, NatsTakesTheLargestThatIsPromised) {
  const RealServer server = start_nats();
  const std::unique_ptr<Driver> driver = make(make_nats_driver, Confirm::kNone);
  SocketPeer amy(*driver, {"amy"}, server.connect());
  const std::string payload(driver->message_bytes_max(), 'p');
  amy.diary.when_ready = [&] { amy.send(1, "amy", payload); };
  ASSERT_TRUE(run({&amy}, [&] { return amy.diary.lines.size() == 2; }));
  EXPECT_EQ(amy.diary.lines[1], "message " + payload);
  EXPECT_EQ(last_line(server, *driver, payload.size() + 1), "ended the NATS server says 'Maximum Payload Violation'");
}

}  // namespace
}  // namespace onehop::loadgen::test
