// A broker whose connections have a transport, through real sockets: one that scrambles, cuts and answers
// (tests/transport/scrambled_transport.h), and the plain one, which must make no difference to having none.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "server/parts.h"
#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"
#include "tls/client_identity.h"
#include "tls/tls_transport.h"
#include "tls_test/authority.h"
#include "transport_client.h"
#include "transport_test/plain_transport.h"
#include "transport_test/scrambled_transport.h"

namespace onehop::test {
namespace {

using transport::PlainTransport;
using transport::ScrambledTransport;
using transport::Transport;
using Kind = BrokerEvent::Kind;

// How a transport is made for either side.
struct Made {
  const char* name;
  std::unique_ptr<Transport> (*client)();
  std::unique_ptr<Transport> (*server)();
};

uint32_t next_seed() {
  static std::atomic<uint32_t> seed{1};
  return seed.fetch_add(2);
}

const Made kScrambled{"Scrambled",
                      []() -> std::unique_ptr<Transport> {
                        return std::make_unique<ScrambledTransport>(ScrambledTransport::Side::kClient, next_seed());
                      },
                      []() -> std::unique_ptr<Transport> {
                        return std::make_unique<ScrambledTransport>(ScrambledTransport::Side::kServer, next_seed());
                      }};
const Made kPlain{"Plain", []() -> std::unique_ptr<Transport> { return std::make_unique<PlainTransport>(); },
                  []() -> std::unique_ptr<Transport> { return std::make_unique<PlainTransport>(); }};

// One for all tests: making keys takes long.
struct TlsWorld {
  tls::Authority authority;
  tls::Issued issued = authority.issue("server");
  std::string error;
  std::shared_ptr<const tls::ServerIdentity> server =
      tls::ServerIdentity::load({{{issued.certificate, issued.key}}, {}, {}, tls::ClientCertificates::kNone}, error);
  std::shared_ptr<const tls::ClientIdentity> client =
      tls::ClientIdentity::load({authority.file(), {}, {}, false}, error);
  // Tickets come on connections of several tests, one after the other.
  tls::ResumableSession session;

  static TlsWorld& get() {
    static TlsWorld world;
    return world;
  }
};

const Made kTls{
    "Tls",
    []() -> std::unique_ptr<Transport> {
      TlsWorld& world = TlsWorld::get();
      return std::make_unique<tls::TlsTransport>(world.client->new_ssl("localhost", world.session));
    },
    []() -> std::unique_ptr<Transport> { return std::make_unique<tls::TlsTransport>(TlsWorld::get().server); }};

BrokerRig::Start with(const Made& made, uint64_t connect_ms_max = core::kConnectDeadlineMs) {
  return [&made, connect_ms_max](const BrokerOptions& options, std::string& error) {
    return server::start_broker(options, {made.server, connect_ms_max}, error);
  };
}

std::string name_of(int i) {
  return "client-" + std::to_string(i);
}

bool settled(const SeenEvent& e, const std::string& name) {
  return e.name == name && (e.kind == Kind::kSessionEnded || e.kind == Kind::kSessionDetached);
}

class Transports : public testing::TestWithParam<const Made*> {
 protected:
  static std::unique_ptr<Transport> client() { return GetParam()->client(); }
};

INSTANTIATE_TEST_SUITE_P(All, Transports, testing::Values(&kScrambled, &kPlain, &kTls),
                         [](const auto& tested) { return std::string(tested.param->name); });

// One shard accepts, and hands most connections over: with the transport, and with what that has read ahead.
TEST_P(Transports, MoveToTheShardOfTheName) {
  BrokerOptions options = test_options(4);
  options.acceptors = 1;
  BrokerRig broker(options, with(*GetParam()));
  TransportClient recipient(broker.address(), client());
  recipient.connect("recipient");
  for (int i = 0; i < 24; ++i) {
    std::string bytes = wire(connect_frame(name_of(i)));
    for (uint64_t id = 1; id <= 15; ++id) bytes += wire(message_frame("recipient", id, std::string(900, 'x')));
    bytes += wire(goodbye_frame(v1::CODE_NORMAL));
    TransportClient sender(broker.address(), client());
    sender.send_bytes(bytes);
    const std::vector<v1::Frame> frames = sender.read_to_end();
    ASSERT_GE(frames.size(), 2u);
    EXPECT_TRUE(frames.front().has_connected());
    EXPECT_EQ(v1::CODE_NORMAL, frames.back().goodbye().code());
    // Nothing is missing behind the goodbye: the stream has ended as the transport ends one.
    EXPECT_EQ(Transport::State::kEnded, sender.state());
    EXPECT_TRUE(sender.socket_ended_in_order());
    for (uint64_t id = 1; id <= 15; ++id) {
      const v1::Message message = recipient.read_kind(v1::Frame::kMessage).message();
      EXPECT_EQ(id, message.id());
      EXPECT_EQ(name_of(i), message.from());
    }
  }
  EXPECT_GT(broker->counters().hand_overs, 0u);
}

// In pieces of any size, down to one byte; and a piece that comes late holds nobody else up.
TEST_P(Transports, PiecesMayBeSmallAndLate) {
  BrokerRig broker(test_options(2), with(*GetParam()));
  TransportClient other(broker.address(), client());
  other.connect("other");
  uint64_t id = 0;
  for (const size_t piece : {1u, 2u, 3u, 7u, 64u, 1'500u}) {
    TransportClient small(broker.address(), client(), 0, piece);
    const std::string name = "small-" + std::to_string(piece);
    small.connect(name);
    for (const size_t kept : {1u, 5u, 90u}) {
      small.send_but(message_frame("other", ++id, std::string(100, 'x')), kept);
      other.send(message_frame(name, id, "meanwhile"));
      EXPECT_EQ("meanwhile", small.read_kind(v1::Frame::kMessage).message().payload());
      small.send_kept();
      EXPECT_EQ(id, other.read_kind(v1::Frame::kMessage).message().id());
    }
  }
}

// The recipient's socket is full, and so is its transport: the queue in the broker fills as it does without one, and
// nothing is lost, repeated or out of order when it reads again.
TEST_P(Transports, ASocketThatIsFullHoldsThemBack) {
  BrokerRig broker(narrow_options(2), with(*GetParam()));
  TransportClient slow(broker.address(), client(), kSocketBytes, 333);
  TransportClient sender(broker.address(), client());
  slow.connect("slow");
  sender.connect("sender");
  uint64_t sent = 0;
  std::optional<uint64_t> refused;
  while (!refused) {
    ++sent;
    sender.send(message_frame("slow", sent, std::string(5'000, static_cast<char>('a' + sent % 26))));
    sender.send(ping_frame(sent));
    for (std::optional<v1::Frame> frame = sender.read(); frame && !frame->has_pong(); frame = sender.read()) {
      for (const v1::Receipt& receipt : frame->receipts().items()) {
        if (receipt.outcome() == v1::OUTCOME_REJECTED) refused = receipt.first_id();
      }
    }
  }
  // Less than the queue, what the transport holds, and what the kernel takes of both sides: the transport is no sink.
  EXPECT_LT(*refused * 5'000, kQueueBytes + Transport::kOutputBytesMax + (512 << 10));
  for (uint64_t id = 1; id < *refused; ++id) {
    const v1::Message message = slow.read_kind(v1::Frame::kMessage).message();
    ASSERT_EQ(id, message.id());
    ASSERT_EQ(std::string(5'000, static_cast<char>('a' + id % 26)), message.payload());
  }
}

// A client that does not read its receipts is not read either. What its transport has read ahead by then waits there,
// and is not forgotten, although nothing more comes on the socket.
TEST_P(Transports, WhatWasReadAheadWaitsWhileTheShardDoesNotRead) {
  BrokerRig broker(narrow_options(1), with(*GetParam()));
  TransportClient deaf(broker.address(), client(), kSocketBytes, 16'000);
  deaf.connect("deaf");
  uint64_t id = 0;
  BrokerCounters counters = broker->counters();
  for (uint64_t sent = counters.bytes_received; counters.reading_stopped == 0;) {
    std::string bytes;
    while (bytes.size() < 8'000) {
      // No two neighbours share a reason, so that receipts do not melt into ranges.
      v1::Frame frame = message_frame("nobody", ++id, "");
      if (id % 2 == 0) frame.mutable_message()->set_service("nobody serves this");
      bytes += wire(frame);
    }
    sent += bytes.size();
    for (std::string_view rest = bytes; !rest.empty();) rest.remove_prefix(deaf.send_some(rest));
    // Each is taken before the next is sent. So at the end the socket is empty, and the rest is with the transport.
    do {
      counters = broker->counters();
    } while (counters.reading_stopped == 0 && counters.bytes_received != sent);
  }
  for (uint64_t told = 0; told < id;) {
    const v1::Receipts receipts = deaf.read_kind(v1::Frame::kReceipts).receipts();
    for (const v1::Receipt& receipt : receipts.items()) {
      EXPECT_EQ(told + 1, receipt.first_id());
      told = receipt.last_id();
    }
  }
}

// The broker ends a client whose socket is full. The goodbye is with the transport when core lets go of the connection,
// and arrives as soon as the client reads, although the client goes on sending.
TEST_P(Transports, TheGoodbyeArrivesThroughAFullSocket) {
  BrokerOptions options = narrow_options(2);
  BrokerRig broker(options, with(*GetParam()));
  TransportClient slow(broker.address(), client(), kSocketBytes, 333);
  TransportClient sender(broker.address(), client());
  slow.connect("slow");
  sender.connect("sender");
  // More than the kernel takes for both, less than makes the broker refuse.
  for (uint64_t id = 1; id <= 20; ++id) sender.send(message_frame("slow", id, std::string(5'000, 'x')));
  sender.send(ping_frame(1));
  sender.read_kind(v1::Frame::kPong);
  ASSERT_EQ(Broker::Kick::kEnded, broker->kick("slow", "out of here"));
  broker.wait_for([](const SeenEvent& e) { return settled(e, "slow"); });
  // It is out of core's hands, and counted until it is gone.
  EXPECT_GT(broker->counters().transport_bytes, Transport::kOutputBytesMax / 4);
  EXPECT_GT(slow.send_some(wire(ping_frame(2))), 0u);
  const v1::Goodbye goodbye = slow.read_goodbye();
  EXPECT_EQ(v1::CODE_ADMINISTRATIVE, goodbye.code());
  EXPECT_EQ("out of here", goodbye.text());
  EXPECT_EQ(Transport::State::kEnded, slow.state());
  EXPECT_TRUE(slow.socket_ended_in_order());
  EXPECT_LT(broker->counters().transport_bytes, 2'048u + tls::TlsTransport::kOpenBytes);
}

// The same for a client that has ended its own side before: the end of its stream does not cut off what is for it.
TEST_P(Transports, TheGoodbyeArrivesAfterTheClientsOwnEnd) {
  BrokerRig broker(narrow_options(1), with(*GetParam()));
  TransportClient slow(broker.address(), client(), kSocketBytes, 333);
  TransportClient sender(broker.address(), client());
  slow.connect("slow");
  sender.connect("sender");
  for (uint64_t id = 1; id <= 20; ++id) sender.send(message_frame("slow", id, std::string(5'000, 'x')));
  sender.send(ping_frame(1));
  sender.read_kind(v1::Frame::kPong);
  slow.send_some(wire(goodbye_frame(v1::CODE_NORMAL)));
  slow.end_stream();
  broker.wait_for([](const SeenEvent& e) { return settled(e, "slow"); });
  const std::vector<v1::Frame> frames = slow.read_to_end();
  EXPECT_EQ(20u, count_kind(frames, v1::Frame::kMessage));
  EXPECT_TRUE(frames.back().has_goodbye());
  EXPECT_EQ(Transport::State::kEnded, slow.state());
  EXPECT_TRUE(slow.socket_ended_in_order());
}

TEST_P(Transports, StoppingTellsEverybodyAndWaitsForIt) {
  BrokerOptions options = test_options(4);
  options.acceptors = 1;
  BrokerRig broker(options, with(*GetParam()));
  std::deque<TransportClient> clients;
  for (int i = 0; i < 20; ++i) clients.emplace_back(broker.address(), client()).connect(name_of(i));
  std::future<Broker::Stopped> stopped = std::async(std::launch::async, [&] { return broker->stop(60'000); });
  for (TransportClient& one : clients) {
    EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, one.read_kind(v1::Frame::kGoodbye).goodbye().code());
    one.send(goodbye_frame(v1::CODE_NORMAL));
    one.read_to_end();
    EXPECT_EQ(Transport::State::kEnded, one.state());
  }
  clients.clear();
  EXPECT_EQ(Broker::Stopped::kAllEnded, stopped.get());
}

TEST_P(Transports, RefusalsAreToldThroughThem) {
  BrokerOptions options = test_options(2);
  options.address_connections_max = 1;
  BrokerRig broker(options, with(*GetParam()));
  TransportClient first(broker.address(), client());
  first.connect("first");
  TransportClient second(broker.address(), client());
  EXPECT_EQ(v1::CODE_RATE_EXCEEDED, second.read_goodbye().code());
  EXPECT_EQ(Transport::State::kEnded, second.state());
}

TEST_P(Transports, ComeBehindAProxyHeader) {
  BrokerOptions options = test_options(4);
  options.listen = {};
  options.listen_proxy = {"tcp://127.0.0.1:0"};
  options.proxy_from = {"127.0.0.1"};
  options.acceptors = 1;
  BrokerRig broker(options, with(*GetParam()));
  for (int i = 0; i < 8; ++i) {
    TransportClient behind(broker.address(), client());
    behind.send_raw("PROXY TCP4 192.0.2.7 127.0.0.1 40000 7411\r\n");
    behind.connect(name_of(i));
    EXPECT_EQ(
        "tcp://192.0.2.7:40000",
        broker.wait_for([&](const SeenEvent& e) { return e.kind == Kind::kSessionOpened && e.name == name_of(i); })
            .peer);
  }
}

// Handshakes that do not end well.

SeenEvent refusal_of(BrokerRig& broker, const std::string& peer) {
  return broker.wait_for([&](const SeenEvent& e) { return e.kind == Kind::kConnectRefused && e.peer == peer; });
}

TEST(Handshake, WhoBreaksItIsToldAndEnded) {
  BrokerOptions options = test_options(2);
  options.connections_max = 2;  // A place that was not given back would be missing.
  BrokerRig broker(options, with(kScrambled));
  for (int i = 0; i < 5; ++i) {
    for (const std::string& bytes : {wire(connect_frame("a")), std::string("scrambleABCDunready")}) {
      TransportClient wrong(broker.address(), kPlain.client());
      wrong.send_raw(bytes);
      EXPECT_TRUE(wrong.read_raw_to_end().ends_with(ScrambledTransport::kAlert)) << bytes;
      EXPECT_EQ("the peer does not scramble", refusal_of(broker, wrong.local_address()).text);
    }
    TransportClient cut(broker.address(), kPlain.client());
    cut.send_raw("scram");
    cut.end_writing();
    EXPECT_EQ("", cut.read_raw_to_end());
    EXPECT_EQ("the connection ended within its handshake", refusal_of(broker, cut.local_address()).text);
  }
  TransportClient(broker.address(), kScrambled.client()).connect("right");
  EXPECT_EQ(1u, broker->counters().sessions_opened);
}

TEST(Handshake, WhoLeavesWithoutAWordIsNotWorthAnEvent) {
  BrokerRig broker(test_options(1), with(kScrambled));
  for (int i = 0; i < 5; ++i) TransportClient(broker.address(), kPlain.client()).close();
  TransportClient last(broker.address(), kScrambled.client());
  last.connect("last");
  for (const SeenEvent& e : broker.events()) EXPECT_EQ("last", e.name) << e.text;
}

// Each at its own deadline, which the PROXY header, the handshake and the Connect have in common.
TEST(Handshake, WhoDoesNotCompleteItIsEndedAtTheDeadline) {
  BrokerRig broker(test_options(1), with(kScrambled, 200));
  TransportClient silent(broker.address(), kPlain.client()), half(broker.address(), kPlain.client());
  half.send_raw("scramble");
  for (TransportClient* late : {&silent, &half}) {
    EXPECT_EQ("the handshake was not complete in time", refusal_of(broker, late->local_address()).text);
    EXPECT_EQ("", late->read_raw_to_end());
  }
  TransportClient no_connect(broker.address(), kScrambled.client());
  EXPECT_EQ(v1::CODE_CONNECT_TIMEOUT, no_connect.read_goodbye().code());
}

TEST(Handshake, StoppingDoesNotWaitForIt) {
  BrokerRig broker(test_options(1), with(kScrambled));
  TransportClient waiting(broker.address(), kPlain.client());
  waiting.send_raw("scram");
  EXPECT_EQ(Broker::Stopped::kAllEnded, broker->stop(3'600'000));
  EXPECT_EQ("", waiting.read_raw_to_end());
}

// An open stream that breaks.

TEST(BrokenStream, ABrokenRecordEndsTheConnectionWithAnEvent) {
  BrokerOptions options = test_options(4);
  options.acceptors = 1;
  BrokerRig broker(options, with(kScrambled));
  for (int i = 0; i < 8; ++i) {
    TransportClient client(broker.address(), kScrambled.client());
    client.connect(name_of(i));
    const std::string peer = client.local_address();
    // What came before it counts.
    client.send(message_frame(name_of(i), 1, "to myself"));
    client.send_raw("\xFF\xFF\xFF");
    const SeenEvent event =
        broker.wait_for([&](const SeenEvent& e) { return e.kind == Kind::kConnectionEnded && e.peer == peer; });
    EXPECT_EQ("a record has a head that is none", event.text);
    broker.wait_for([&](const SeenEvent& e) { return settled(e, name_of(i)); });
    const std::vector<v1::Frame> frames = client.read_to_end();
    EXPECT_EQ(Transport::State::kBroken, client.state()) << "the alert arrives";
    EXPECT_TRUE(client.socket_ended_in_order());
  }
}

TEST(BrokenStream, ASocketThatEndsBeforeItsStreamBreaksIt) {
  BrokerRig broker(test_options(1), with(kScrambled));
  TransportClient client(broker.address(), kScrambled.client());
  client.connect("a");
  client.end_writing();
  EXPECT_EQ("the connection ended without a record that says so",
            broker.wait_for([](const SeenEvent& e) { return e.kind == Kind::kConnectionEnded; }).text);
}

}  // namespace
}  // namespace onehop::test
