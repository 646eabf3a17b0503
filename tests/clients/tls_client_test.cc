// Clients that speak TLS with a real broker: whom they believe, what they show, and that nothing else is different.
#include <gtest/gtest.h>
#include <uv.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "broker_process.h"
#include "loop_rig.h"
#include "onehop.h"
#include "onehop/client.h"
#include "tls_test/authority.h"

namespace onehop::client {
namespace {

using tls::Authority;
using tls::Issued;

// Connects, and returns why it could not; empty: it could.
std::string refusal_at(const std::string& address, ClientOptions options) {
  options.reconnect = false;
  std::promise<std::string> ended;
  Client::Handlers handlers;
  handlers.on_ended = [&](const Ending& ending) { ended.set_value(ending.text); };
  std::string error;
  const auto client = Client::start(address, std::move(options), std::move(handlers), error);
  if (client == nullptr) return error;
  if (client->wait_until_open(kLong) == WaitStatus::kDone) return {};
  return ended.get_future().get();
}

struct SecureBroker {
  explicit SecureBroker(std::vector<std::string> flags = {}, const tls::Wanted& wanted = {})
      : issued(authority.issue("server", wanted)), broker(with_files(std::move(flags)), "tls://127.0.0.1:0") {}

  std::vector<std::string> with_files(std::vector<std::string> flags) const {
    for (const std::string& flag :
         {std::string("--tls-certificate-file"), issued.certificate, std::string("--tls-key-file"), issued.key}) {
      flags.push_back(flag);
    }
    return flags;
  }
  ClientOptions client(const std::string& name) const {
    ClientOptions options = named(name);
    options.tls_ca_file = authority.file();
    return options;
  }
  std::string refusal(ClientOptions options) const { return refusal_at(broker.address(), std::move(options)); }

  Authority authority;
  Issued issued;
  BrokerProcess broker;
};

// Much in both directions at the same time, in messages of all sizes, so that sockets fill up and records are cut.
TEST(TlsClient, CarriesEverythingThatAPlainOneDoes) {
  SecureBroker broker({"--shards", "2"});
  ProgramLoop loop;
  {
    ClientLoop client_loop(loop.get());
    Peer alice_peer, bob_peer;
    const auto alice = started(client_loop, broker.broker.address(), broker.client("alice"), alice_peer);
    const auto bob = started(client_loop, broker.broker.address(), broker.client("bob"), bob_peer);
    loop.run_until([&] { return alice_peer.opened == 1 && bob_peer.opened == 1; });
    constexpr size_t kMessages = 200;
    size_t to_bob = 0, to_alice = 0;
    const auto fill = [&] {
      const auto payload = [](size_t i) { return std::string(i * 7'919 % 50'000, static_cast<char>('a' + i % 26)); };
      while (to_bob != kMessages && alice->send("bob", payload(to_bob)) == SendStatus::kAccepted) ++to_bob;
      while (to_alice != kMessages && bob->send("alice", payload(to_alice)) == SendStatus::kAccepted) ++to_alice;
    };
    alice_peer.fill = bob_peer.fill = fill;
    fill();
    loop.run_until([&] { return alice_peer.delivered + bob_peer.delivered == 2 * kMessages; });
    for (const Peer* peer : {&alice_peer, &bob_peer}) {
      for (size_t i = 0; i < kMessages; ++i) {
        ASSERT_EQ(i * 7'919 % 50'000, peer->messages[i].size()) << i;
        ASSERT_EQ(std::string::npos, peer->messages[i].find_first_not_of(static_cast<char>('a' + i % 26)));
      }
    }
    alice->close(5'000);
    bob->close(5'000);
    loop.run_until([&] { return alice_peer.ended && bob_peer.ended; });
    EXPECT_EQ(Ending::Cause::kClosed, alice_peer.ending.cause);
  }
}

TEST(TlsClient, ComesBackAfterTheBrokerWasReplaced) {
  auto broker = std::make_unique<SecureBroker>();
  ProgramLoop loop;
  {
    ClientLoop client_loop(loop.get());
    Peer peer;
    const auto client = started(client_loop, broker->broker.address(), broker->client("alice"), peer);
    loop.run_until([&] { return peer.opened == 1; });
    broker->broker.stop(SIGKILL);
    loop.run_until([&] { return peer.downs > 0; });
    const std::string address = broker->broker.address();
    BrokerProcess next(broker->with_files({}), address);
    loop.run_until([&] { return peer.opened == 2; });
    client->close(5'000);
    loop.run_until([&] { return peer.ended; });
  }
}

TEST(TlsClient, BelievesOnlyWhoProvesToBeTheBroker) {
  SecureBroker broker;
  const std::string begin =
      "cannot connect to " + broker.broker.address() + ": the server's certificate is not accepted: ";
  EXPECT_EQ("", broker.refusal(broker.client("good")));
  ClientOptions unknown = broker.client("unknown");
  unknown.tls_ca_file = Authority("another authority").file();
  EXPECT_EQ(unknown.tls_ca_file + ": No such file or directory", broker.refusal(unknown)) << "it is gone by now";
  const Authority stranger("another authority");
  unknown.tls_ca_file = stranger.file();
  EXPECT_EQ(begin + "unable to get local issuer certificate", broker.refusal(unknown));
  unknown.tls_insecure = true;
  EXPECT_EQ("", broker.refusal(unknown));
  ClientOptions elsewhere = broker.client("elsewhere");
  elsewhere.tls_server_name = "elsewhere";
  EXPECT_EQ(begin + "hostname mismatch", broker.refusal(elsewhere));
  elsewhere.tls_server_name = "localhost";
  EXPECT_EQ("", broker.refusal(elsewhere));
  ClientOptions system = broker.client("system");
  system.tls_ca_file.clear();
  EXPECT_EQ(begin + "unable to get local issuer certificate", broker.refusal(system));
}

TEST(TlsClient, ShowsItsCertificate) {
  const Authority clients("the authority of the clients");
  SecureBroker broker({"--tls-client", "required", "--tls-client-ca-file", clients.file()});
  EXPECT_EQ("the peer refused with the TLS alert 'certificate required'", broker.refusal(broker.client("without")));
  ClientOptions with = broker.client("with");
  const Issued own = const_cast<Authority&>(clients).issue("client", {"client", "", "clientAuth"});
  with.tls_certificate_file = own.certificate;
  EXPECT_EQ("a certificate and its key are given together, or neither is", broker.refusal(with));
  with.tls_key_file = own.key;
  EXPECT_EQ("", broker.refusal(with));
}

TEST(TlsClient, PlaintextAndTlsDoNotMix) {
  SecureBroker secure;
  BrokerProcess plain;
  const auto swapped = [](std::string address, const char* scheme) { return scheme + address.substr(3); };
  std::string error;
  ClientOptions options = secure.client("mixed");
  EXPECT_EQ(nullptr, Client::start(plain.address(), options, {}, error));
  EXPECT_EQ("TLS is asked for, and " + plain.address() + " does not begin with tls://", error);
  const std::string at_plain = swapped(plain.address(), "tls");
  EXPECT_EQ("cannot connect to " + at_plain + ": the server answers in plaintext: it does not speak TLS there",
            refusal_at(at_plain, options));
  EXPECT_EQ("what answers there is not a onehop broker: it speaks TLS, and expects an encrypted connection",
            refusal_at(swapped(secure.broker.address(), "tcp"), named("plain")));
}

TEST(TlsClient, TheCApiHasTheSameOptions) {
  const SecureBroker broker;
  const auto view = [](const std::string& text) { return onehop_bytes{text.data(), text.size()}; };
  const std::string server = broker.broker.address(), authorities = broker.authority.file(), localhost = "localhost";
  onehop_options options;
  onehop_options_init(&options, sizeof options);
  options.reconnect = 0;
  const auto opens = [&] {
    char error[256];
    onehop_client* client = onehop_client_start(nullptr, view(server), &options, nullptr, error, sizeof error);
    EXPECT_NE(nullptr, client) << error;
    const bool is_open = onehop_client_wait_until_open(client, kLong) == ONEHOP_WAIT_DONE;
    onehop_client_destroy(client);
    return is_open;
  };
  EXPECT_FALSE(opens()) << "the system's authorities do not know it";
  options.tls_ca_file = view(authorities);
  EXPECT_TRUE(opens());
  options.tls_server_name = view(localhost);
  EXPECT_TRUE(opens());
  const std::string elsewhere = "elsewhere";
  options.tls_server_name = view(elsewhere);
  EXPECT_FALSE(opens());
  options.tls_insecure = 1;
  EXPECT_TRUE(opens());
}

TEST(TlsClient, AFileThatIsWrongIsSaidAtOnce) {
  std::string error;
  EXPECT_EQ(nullptr, Client::start("tls://127.0.0.1:1", {.tls_ca_file = "missing.pem"}, {}, error));
  EXPECT_EQ("missing.pem: No such file or directory", error);
  EXPECT_EQ(nullptr, Client::start("tls://127.0.0.1:0", {}, {}, error));
  EXPECT_EQ("address 'tls://127.0.0.1:0': nobody can connect to port 0", error);
}

}  // namespace
}  // namespace onehop::client
