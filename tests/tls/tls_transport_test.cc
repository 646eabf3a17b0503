// TlsTransport keeps the contract of transports, and what it promises beyond.
#include "tls/tls_transport.h"

#include <gtest/gtest.h>

#include "pair.h"

namespace onehop::tls {
namespace {

using transport::End;
using transport::Pair;

std::string take_output(End& end) {
  std::string all;
  for (core::Bytes next; !(next = end.transport->output()).empty(); end.transport->output_written(next.size())) {
    all.append(next);
  }
  return all;
}

// What most tests need: a server with a certificate, and a client that believes it.
struct World {
  Authority authority;
  Issued issued = authority.issue("server");
  std::shared_ptr<const ServerIdentity> server =
      server_of({{{issued.certificate, issued.key}}, {}, {}, ClientCertificates::kNone});
  std::shared_ptr<const ClientIdentity> client = client_of({authority.file(), {}, {}, false});
  ResumableSession session;

  Pair pair() { return join(server, *client, session); }
  std::string hello() {
    Pair made = pair();
    return take_output(made.client);
  }
  Pair open_pair() {
    Pair made = pair();
    settle(made);
    EXPECT_EQ(State::kOpen, made.server.transport->state()) << made.server.transport->error();
    EXPECT_EQ(State::kOpen, made.client.transport->state()) << made.client.transport->error();
    return made;
  }
};

TEST(TlsTransport, KeepsTheContract) {
  World world;
  const auto make = [&] { return world.pair(); };
  for (uint32_t seed = 0; seed < 20; ++seed) transport::check_streams(make, seed, 20'000);
  transport::check_back_pressure(make, TlsTransport::kOpenBytes);
}

TEST(TlsTransport, HandshakesWhateverPiecesTheBytesComeIn) {
  World world;
  for (const size_t piece : {1u, 2u, 5u, 100u}) {
    Pair pair = world.pair();
    while (pair.client.transport->state() == State::kHandshake || pair.server.transport->state() == State::kHandshake) {
      transport::carry(pair.client, pair.server, piece, 100);
      transport::carry(pair.server, pair.client, piece, 100);
      ASSERT_NE(State::kBroken, pair.client.transport->state()) << pair.client.transport->error();
      ASSERT_NE(State::kBroken, pair.server.transport->state()) << pair.server.transport->error();
    }
  }
}

TEST(TlsTransport, IsBrokenWhereverTheStreamIsCut) {
  World world;
  size_t whole = 0;
  {
    Pair pair = world.open_pair();
    pair.client.to_send = "a stream";
    pair.client.write(100);
    pair.client.transport->end();
    whole = take_output(pair.client).size();
  }
  for (size_t cut = 0; cut < whole; ++cut) {
    Pair pair = world.open_pair();
    pair.client.to_send = "a stream";
    pair.client.write(100);
    pair.client.transport->end();
    pair.server.transport->take_input(take_output(pair.client).substr(0, cut));
    pair.server.read_all(100);
    pair.server.transport->end_input();
    pair.server.read_all(100);
    EXPECT_EQ(State::kBroken, pair.server.transport->state()) << cut << " of " << whole;
    EXPECT_EQ("the TLS stream was truncated", pair.server.transport->error()) << cut;
  }
}

TEST(TlsTransport, EndsWithABrokenHandshakeWhereverThatIsCut) {
  World world;
  const std::string hello = world.hello();
  for (size_t cut = 0; cut < hello.size(); ++cut) {
    TlsTransport server(world.server);
    server.take_input(hello.substr(0, cut));
    EXPECT_FALSE(server.has_work()) << cut;
    EXPECT_EQ(State::kHandshake, server.state()) << cut;
    server.end_input();
    EXPECT_EQ(State::kBroken, server.state()) << cut;
  }
}

TEST(TlsTransport, FindsEveryByteThatIsChanged) {
  World world;
  for (size_t at = 0; at < 64; ++at) {
    Pair pair = world.open_pair();
    pair.client.to_send = std::string(100, 'x');
    pair.client.write(100);
    std::string wire = take_output(pair.client);
    wire[at] = static_cast<char>(wire[at] ^ 0x20);
    pair.server.transport->take_input(wire);
    pair.server.read_all(100);
    pair.server.transport->end_input();
    pair.server.read_all(100);
    EXPECT_EQ(State::kBroken, pair.server.transport->state()) << at;
    EXPECT_EQ("", pair.server.received) << at;
  }
}

TEST(TlsTransport, HoldsNearlyNothingUntilTheHelloIsWhole) {
  World world;
  const std::string hello = world.hello();
  TlsTransport server(world.server);
  server.take_input(hello.substr(0, hello.size() - 1));
  EXPECT_LE(server.held_bytes(), 2 * hello.size());
  EXPECT_FALSE(server.has_work());
  server.take_input(hello.substr(hello.size() - 1));
  EXPECT_TRUE(server.has_work());
  EXPECT_LE(server.held_bytes(), 2 * hello.size()) << "until its turn comes";
  EXPECT_TRUE(server.output().empty());
  server.do_work();
  EXPECT_FALSE(server.has_work());
  EXPECT_FALSE(server.output().empty());
  EXPECT_EQ(State::kHandshake, server.state());
  EXPECT_GE(server.held_bytes(), TlsTransport::kHandshakeBytes);
}

TEST(TlsTransport, ToldPlaintextSaysSo) {
  World world;
  TlsTransport http(world.server);
  http.take_input("GET / HTTP/1.1\r\n");
  EXPECT_EQ(State::kBroken, http.state());
  EXPECT_EQ("this is a plaintext HTTP request; the port speaks TLS", http.error());
  EXPECT_TRUE(http.output().starts_with("HTTP/1.1 400 "));

  TlsTransport frame(world.server);
  frame.take_input({"\x05\x0a\x03", 3});
  EXPECT_EQ(State::kBroken, frame.state());
  EXPECT_EQ("this is plaintext; the port speaks TLS", frame.error());
  EXPECT_TRUE(frame.output().starts_with("\x15\x03")) << "an alert of TLS";
}

TEST(TlsTransport, ClientThatIsAnsweredInPlaintextSaysSo) {
  World world;
  Pair pair = world.pair();
  pair.client.transport->take_input("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(State::kBroken, pair.client.transport->state());
  EXPECT_EQ("the server answers in plaintext: it does not speak TLS there", pair.client.transport->error());
}

TEST(TlsTransport, AllThatWasWrittenComesBeforeTheEnd) {
  World world;
  Pair pair = world.open_pair();
  pair.client.to_send = std::string(30'000, 'x');
  pair.client.write(30'000);
  ASSERT_TRUE(pair.client.to_send.empty());
  pair.client.transport->end();
  settle(pair);
  EXPECT_EQ(30'000u, pair.server.received.size());
  EXPECT_EQ(State::kEnded, pair.server.transport->state());
}

TEST(TlsTransport, ResumesItsSessionOnceAndAfterABreak) {
  World world;
  for (int i = 0; i < 3; ++i) {
    const SslPointer ssl = world.client->new_ssl("localhost", world.session);
    EXPECT_EQ(i == 0, SSL_get0_session(ssl.get()) == nullptr) << i;
    if (const SSL_SESSION* last = SSL_get0_session(ssl.get()); last != nullptr) {
      SSL_SESSION_up_ref(const_cast<SSL_SESSION*>(last));
      world.session.keep(SslSessionPointer(const_cast<SSL_SESSION*>(last)));
    }
    Pair pair = world.open_pair();
    EXPECT_EQ(i != 0, tls_of(pair.server).is_resumed()) << i;
    // The pair goes without a word, as a connection does that breaks.
  }
}

}  // namespace
}  // namespace onehop::tls
