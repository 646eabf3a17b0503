// A broker with TLS listeners beside others: who is let in, what hooks are told, how files are read anew, and what
// handshakes may cost.
#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "onehop/tls.h"
#include "server/parts.h"
#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"
#include "tls/client_identity.h"
#include "tls/tls_transport.h"
#include "tls_test/authority.h"
#include "transport_client.h"

namespace onehop::test {
namespace {

using Kind = BrokerEvent::Kind;
using tls::Authority;
using tls::Issued;
using State = transport::Transport::State;

// The address that a test's sockets connect to, whatever is spoken there.
std::string as_tcp(const std::string& address) {
  return "tcp" + address.substr(3);
}

void wait_for_answer(const RawClient& client) {
  pollfd waiting{client.fd(), POLLIN, 0};
  ::poll(&waiting, 1, -1);
}

void wait_for_end(RawClient& client) {
  for (client.gather(); client.end() == RawClient::End::kNot; client.gather()) wait_for_answer(client);
}

constexpr uint64_t kLong = 3'600'000;

auto started_with(const server::BrokerParts& parts) {
  return [parts](const BrokerOptions& given, std::string& error) { return server::start_broker(given, parts, error); };
}

class TlsBroker : public testing::Test {
 protected:
  TlsOptions files(TlsClients clients = TlsClients::kNone) {
    return {{{issued_.certificate, issued_.key}}, clients, authority_.file(), {}};
  }
  std::unique_ptr<Tls> load(const TlsOptions& files) {
    std::string error;
    auto tls = Tls::load(files, error);
    EXPECT_NE(nullptr, tls) << error;
    return tls;
  }
  static BrokerOptions options(const Tls& tls, unsigned shards = 1) {
    BrokerOptions made = test_options(shards);
    made.listen = {"tls://127.0.0.1:0", "tcp://127.0.0.1:0"};
    made.tls = tls.security();
    return made;
  }
  std::unique_ptr<tls::TlsTransport> client_side(const Issued* shown = nullptr) {
    std::string error;
    tls::ClientFiles client{authority_.file(), {}, {}, false};
    if (shown != nullptr) client = {authority_.file(), shown->certificate, shown->key, false};
    const auto identity = tls::ClientIdentity::load(client, error);
    EXPECT_NE(nullptr, identity) << error;
    return std::make_unique<tls::TlsTransport>(identity->new_ssl("localhost", session_));
  }
  static std::string tls_address(const BrokerRig& broker) { return as_tcp(broker.address()); }

  Authority authority_;
  Issued issued_ = authority_.issue("server");
  tls::ResumableSession session_;
};

TEST_F(TlsBroker, ServesTlsBesidePlaintext) {
  const auto tls = load(files());
  BrokerRig broker(options(*tls, 2));
  EXPECT_TRUE(broker->addresses()[0].starts_with("tls://127.0.0.1:"));
  EXPECT_TRUE(broker->addresses()[1].starts_with("tcp://127.0.0.1:"));
  TransportClient secure(tls_address(broker), client_side());
  RawClient plain(broker->addresses()[1]);
  secure.connect("secure");
  plain.connect("plain");
  plain.send(message_frame("secure", 1, "to the one"));
  secure.send(message_frame("plain", 1, "to the other"));
  EXPECT_EQ("to the one", secure.read_kind(v1::Frame::kMessage).message().payload());
  EXPECT_EQ("to the other", plain.read_kind(v1::Frame::kMessage).message().payload());
  EXPECT_EQ(1u, broker->counters().tls_handshakes);
  EXPECT_EQ(0u, broker->counters().tls_handshakes_failed);
}

TEST_F(TlsBroker, NeedsNoLeaveToListenAnywhere) {
  const auto tls = load(files());
  BrokerOptions anywhere = options(*tls);
  anywhere.listen = {"tls://0.0.0.0:0"};
  anywhere.allow_plaintext = false;
  BrokerRig broker(anywhere);
  EXPECT_TRUE(broker->addresses()[0].starts_with("tls://0.0.0.0:"));
}

TEST_F(TlsBroker, WithoutFilesATlsAddressIsAnError) {
  BrokerOptions without = test_options(1);
  without.listen = {"tls://127.0.0.1:0"};
  std::string error;
  EXPECT_EQ(nullptr, Broker::start(without, error));
  EXPECT_EQ("tls://127.0.0.1:0: TLS needs a certificate: see tls_certificate_file", error);
  EXPECT_EQ("listen: " + error, Broker::check(without));
}

TEST_F(TlsBroker, WhatIsNoTlsIsToldSo) {
  const auto tls = load(files());
  BrokerRig broker(options(*tls));
  RawClient plain(tls_address(broker));
  plain.send_bytes("\x05\x0a\x03xyz");
  broker.wait_for([](const SeenEvent& e) {
    return e.kind == Kind::kConnectRefused && e.text == "this is plaintext; the port speaks TLS";
  });
  RawClient http(tls_address(broker));
  http.send_bytes("GET / HTTP/1.1\r\n\r\n");
  broker.wait_for([](const SeenEvent& e) {
    return e.kind == Kind::kConnectRefused && e.text == "this is a plaintext HTTP request; the port speaks TLS";
  });
  EXPECT_EQ(2u, broker->counters().tls_handshakes_failed);
  EXPECT_EQ(0u, broker->counters().tls_handshakes);
  // The other way round: TLS on a plain port.
  TransportClient lost(broker->addresses()[1], client_side());
  EXPECT_EQ(std::nullopt, lost.read());
  EXPECT_EQ(State::kBroken, lost.state());
  broker.wait_for([](const SeenEvent& e) { return e.text == "this is a TLS hello; the port speaks plain onehop"; });
}

TEST_F(TlsBroker, HooksSeeTheCertificate) {
  const auto tls = load(files(TlsClients::kOptional));
  std::mutex mutex;
  std::vector<std::string> seen;
  BrokerOptions asked = options(*tls, 2);
  asked.hooks.authenticate = [&](const Credentials& who, const AuthenticateAnswer& answer) {
    const std::lock_guard lock(mutex);
    seen.emplace_back(who.certificate);
    answer.accept("somebody");
  };
  BrokerRig broker(asked);
  const Issued own = authority_.issue("client", {"client", "", "clientAuth"});
  TransportClient with(tls_address(broker), client_side(&own));
  with.connect("with");
  session_.take();  // The next one shows no certificate, and must not bring the ticket of one that did.
  TransportClient without(tls_address(broker), client_side());
  without.connect("without");
  RawClient plain(broker->addresses()[1]);
  plain.connect("plain");
  ASSERT_EQ(3u, seen.size());
  const auto* in = reinterpret_cast<const unsigned char*>(seen[0].data());
  const tls::CertificatePointer read(d2i_X509(nullptr, &in, static_cast<long>(seen[0].size())));
  ASSERT_NE(nullptr, read);
  EXPECT_EQ(own.serial, ASN1_INTEGER_get(X509_get0_serialNumber(read.get())));
  EXPECT_EQ("", seen[1]);
  EXPECT_EQ("", seen[2]);
}

// A balancer that ends TLS tells the name of the certificate that it has verified; one that is not believed tells
// nothing.
TEST_F(TlsBroker, HooksSeeTheNameThatABalancerVouchesFor) {
  std::vector<std::pair<std::string, std::string>> seen;
  BrokerOptions asked = test_options(1);
  asked.listen_proxy = {"tcp://127.0.0.1:0"};
  asked.proxy_from = {"127.0.0.1"};
  asked.hooks.authenticate = [&](const Credentials& who, const AuthenticateAnswer& answer) {
    seen.emplace_back(who.certificate_name, who.peer);
    answer.accept("somebody");
  };
  BrokerRig broker(asked);
  const std::string addresses("\xC0\x00\x02\x07\x7F\x00\x00\x01\x00\x50\x1C\xF3", 12);
  const std::string proved = std::string("\x20\x00\x10\x07\0\0\0\0\x22\x00\x08", 11) + "device-7";
  const std::string header = std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\x00", 15) +
                             static_cast<char>(addresses.size() + proved.size()) + addresses + proved;
  RawClient proxied(broker.address(1));
  proxied.send_bytes(header);
  proxied.connect("proxied");
  RawClient direct(broker.address(0));
  direct.connect("direct");
  ASSERT_EQ(2u, seen.size());
  EXPECT_EQ(std::make_pair(std::string("device-7"), std::string("tcp://192.0.2.7:80")), seen[0]);
  EXPECT_EQ("", seen[1].first);
}

TEST_F(TlsBroker, WhoMustShowACertificateAndDoesNotIsRefused) {
  const auto tls = load(files(TlsClients::kRequired));
  BrokerRig broker(options(*tls));
  TransportClient without(tls_address(broker), client_side());
  EXPECT_THROW(without.connect("without"), std::runtime_error);
  broker.wait_for([](const SeenEvent& e) {
    return e.kind == Kind::kConnectRefused && e.text == "TLS: peer did not return a certificate";
  });
  const Issued own = authority_.issue("client", {"client", "", "clientAuth"});
  TransportClient with(tls_address(broker), client_side(&own));
  with.connect("with");
}

TEST_F(TlsBroker, AReloadIsForThoseWhoComeAfterIt) {
  const auto tls = load(files(TlsClients::kRequired));
  BrokerRig broker(options(*tls, 2));
  const Issued own = authority_.issue("client", {"client", "", "clientAuth"});
  TransportClient before(tls_address(broker), client_side(&own));
  before.connect("before");
  TlsOptions next = files(TlsClients::kRequired);
  next.crl_file = "missing.pem";
  std::string error;
  EXPECT_FALSE(tls->reload(next, error));
  EXPECT_EQ("missing.pem: No such file or directory", error);
  TransportClient still(tls_address(broker), client_side(&own));
  still.connect("still");
  next.crl_file = authority_.revoke({own.serial});
  ASSERT_TRUE(tls->reload(next, error)) << error;
  TransportClient after(tls_address(broker), client_side(&own));
  EXPECT_THROW(after.connect("after"), std::runtime_error);
  before.send(message_frame("still", 1, "we stay"));
  EXPECT_EQ("we stay", still.read_kind(v1::Frame::kMessage).message().payload());
}

// Whoever stalls within the hello holds no place, and costs the broker little.
TEST_F(TlsBroker, AStalledHelloKeepsNobodyOut) {
  const auto tls = load(files());
  BrokerOptions narrow = options(*tls);
  narrow.tls_handshakes_max = 1;
  BrokerRig broker(narrow);
  std::vector<std::unique_ptr<RawClient>> stalled;
  for (int i = 0; i < 50; ++i) {
    stalled.push_back(std::make_unique<RawClient>(tls_address(broker)));
    stalled.back()->send_bytes(std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  }
  for (int i = 0; i < 3; ++i) {
    TransportClient client(tls_address(broker), client_side());
    client.connect("client-" + std::to_string(i));
  }
  EXPECT_LT(broker->counters().transport_bytes, 50u * 1'024 + 3u * (tls::TlsTransport::kOpenBytes + 40'000));
  EXPECT_EQ(3u, broker->counters().tls_handshakes);
}

// A handshake that has begun holds its place until its end: the next one waits, and is served then.
TEST_F(TlsBroker, HandshakesBeyondTheLimitWaitForTheirTurn) {
  const auto tls = load(files());
  BrokerOptions narrow = options(*tls);
  narrow.tls_handshakes_max = 1;
  BrokerRig broker(narrow, started_with({{}, kLong, kLong}));
  // Says hello and no more.
  auto first_side = client_side();
  const std::string hello(first_side->output());
  auto first = std::make_unique<RawClient>(tls_address(broker));
  first->send_bytes(hello);
  wait_for_answer(*first);
  EXPECT_EQ(1u, broker->counters().tls_handshakes);
  EXPECT_GE(broker->counters().transport_bytes, tls::TlsTransport::kHandshakeBytes);
  RawClient second(tls_address(broker));
  second.send_bytes(hello);
  RawClient plain(broker->addresses()[1]);
  plain.connect("who-is-there-is-served");
  EXPECT_EQ(1u, broker->counters().tls_handshakes) << "the second waits";
  first.reset();
  wait_for_answer(second);
  EXPECT_EQ(2u, broker->counters().tls_handshakes);
}

// But a peer that does not complete its handshake loses its place, long before its time to connect is up, on whatever
// shard the newcomer is.
TEST_F(TlsBroker, PeersThatFallSilentKeepNobodyOut) {
  const auto tls = load(files());
  BrokerOptions narrow = options(*tls, 2);
  narrow.tls_handshakes_max = 2;
  BrokerRig broker(narrow, started_with({{}, kLong, 1'000}));
  const std::string hello(client_side()->output());
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 2; ++i) {
    silent.push_back(std::make_unique<RawClient>(tls_address(broker)));
    silent.back()->send_bytes(hello);
  }
  for (const auto& one : silent) wait_for_answer(*one);  // Now there is no place left.
  TransportClient client(tls_address(broker), client_side());
  client.connect("client");
  broker.wait_for([](const SeenEvent& e) {
    return e.kind == Kind::kConnectRefused &&
           e.text == "the handshake took too long while all places for handshakes were taken";
  });
}

BrokerOptions with_little_memory(BrokerOptions options) {
  options.send_buffer_bytes = 4 << 10;
  options.frame_bytes_max = 16 << 10;
  options.queue_bytes_max = 1 << 20;
  options.slow_consumer_ms = kLong;
  options.memory_bytes_max = 2 << 20;
  return options;
}

// At the limit connections that have not shown who they are go before any client does. Before that, while only
// newcomers are refused, who resumes is let in.
TEST_F(TlsBroker, WhereMemoryIsUsedUpHandshakesEndAndNoClient) {
  const auto tls = load(files());
  BrokerRig broker(with_little_memory(options(*tls)), started_with({{}, kLong, kLong}));
  auto secure = std::make_unique<TransportClient>(tls_address(broker), client_side());
  v1::Frame lasting = connect_frame("secure");
  lasting.mutable_connect()->set_session_expiry_ms(60'000);
  secure->send(lasting);
  const v1::Connected session = secure->read_kind(v1::Frame::kConnected).connected();
  RawClient alice(broker->addresses()[1]);
  alice.connect("alice");
  RawClient slow(broker->addresses()[1], 4 << 10), slower(broker->addresses()[1], 4 << 10);
  slow.connect("slow");
  slower.connect("slower");
  for (uint64_t id = 1; id <= 136; ++id) {
    alice.send(message_frame(id % 2 == 0 ? "slow" : "slower", id, std::string(10'000, 'x')));
  }
  alice.read_to_pong();
  std::vector<std::unique_ptr<RawClient>> newcomers;
  const auto begin_handshake = [&] {
    newcomers.push_back(std::make_unique<RawClient>(tls_address(broker)));
    newcomers.back()->send_bytes(std::string(client_side()->output()));
    wait_for_answer(*newcomers.back());
  };
  while (broker->counters().memory_stage == 0) begin_handshake();
  secure = std::make_unique<TransportClient>(tls_address(broker), client_side());
  v1::Frame resume = connect_frame("secure");
  resume.mutable_connect()->set_resume_token(session.resume_token());
  resume.mutable_connect()->set_attempt(1);
  secure->send(resume);
  EXPECT_TRUE(secure->read_kind(v1::Frame::kConnected).connected().resumed());
  EXPECT_EQ(0u, broker->counters().tls_handshakes_failed);
  while (broker->counters().tls_handshakes_failed == 0) begin_handshake();
  for (const auto& newcomer : newcomers) wait_for_end(*newcomer);
  EXPECT_EQ(0u, broker->counters().memory_ended);
  EXPECT_LT(broker->counters().transport_bytes, 40'000u);
  alice.send(message_frame("secure", 1'000, "still here"));
  EXPECT_EQ("still here", secure->read_kind(v1::Frame::kMessage).message().payload());
}

// Who is over a limit of its address costs no handshake.
TEST_F(TlsBroker, AnAddressOverItsLimitIsTurnedAwayBeforeTheHandshake) {
  const auto tls = load(files());
  BrokerOptions limited = options(*tls);
  limited.address_connections_max = 1;
  BrokerRig broker(limited);
  TransportClient first(tls_address(broker), client_side());
  first.connect("first");
  RawClient second(tls_address(broker));
  EXPECT_TRUE(second.read_to_end().empty());
  broker.wait_for([](const SeenEvent& e) { return e.kind == Kind::kConnectRefused; });
  EXPECT_EQ(1u, broker->counters().tls_handshakes);
  EXPECT_EQ(1u, broker->counters().address_refusals);
  EXPECT_EQ(1u, broker->counters().connections);
}

TEST_F(TlsBroker, AHandshakeMayNotTakeLongerThanTheConnect) {
  const auto tls = load(files());
  BrokerRig broker(options(*tls), started_with({{}, 200}));
  RawClient silent(tls_address(broker));
  silent.send_bytes(std::string(client_side()->output()));
  broker.wait_for([](const SeenEvent& e) {
    return e.kind == Kind::kConnectRefused && e.text == "the handshake was not complete in time";
  });
  EXPECT_EQ(1u, broker->counters().tls_handshakes_failed);
}

}  // namespace
}  // namespace onehop::test
