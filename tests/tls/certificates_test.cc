// Who is believed, on both sides: names, authorities, purposes, times, revocation; and files that are not as they must
// be.
#include <gtest/gtest.h>

#include <fstream>

#include "pair.h"

namespace onehop::tls {
namespace {

using transport::Pair;

const Wanted kClient{"client", "", "clientAuth"};

struct Ends {
  State server, client;
  std::string server_error, client_error;
};

Ends shake(const ServerFiles& server, const ClientFiles& client, const std::string& host = "localhost") {
  ResumableSession session;
  Pair pair = join(server_of(server), *client_of(client), session, host);
  settle(pair);
  return {pair.server.transport->state(), pair.client.transport->state(), std::string(pair.server.transport->error()),
          std::string(pair.client.transport->error())};
}

ServerFiles plain_server(const Issued& issued) {
  return {{{issued.certificate, issued.key}}, {}, {}, ClientCertificates::kNone};
}

std::string load_error(const ServerFiles& files) {
  std::string error;
  EXPECT_EQ(nullptr, ServerIdentity::load(files, error));
  return error;
}

TEST(TlsCertificates, ServersAreVerified) {
  Authority authority, stranger("another authority");
  const ClientFiles client{authority.file(), {}, {}, false};
  const std::string wrong = "the server's certificate is not accepted: ";
  struct Case {
    Wanted wanted;
    std::string host, error;
  };
  const Case cases[] = {
      {{}, "localhost", ""},
      {{}, "127.0.0.1", ""},
      {{"test", "DNS:*.example.org"}, "broker.example.org", ""},
      {{"test", "DNS:*.example.org"}, "a.broker.example.org", wrong + "hostname mismatch"},
      {{}, "elsewhere", wrong + "hostname mismatch"},
      {{}, "127.0.0.2", wrong + "IP address mismatch"},
      {{"test", "DNS:localhost", "clientAuth"}, "localhost", wrong + "unsuitable certificate purpose"},
      {{"test", "DNS:localhost", "serverAuth", -7'200, -3'600}, "localhost", wrong + "certificate has expired"},
      {{"test", "DNS:localhost", "serverAuth", 3'600, 7'200}, "localhost", wrong + "certificate is not yet valid"},
  };
  for (const Case& one : cases) {
    const Ends ends = shake(plain_server(authority.issue("server", one.wanted)), client, one.host);
    EXPECT_EQ(one.error, ends.client_error) << one.host;
    EXPECT_EQ(one.error.empty() ? State::kOpen : State::kBroken, ends.client);
    EXPECT_EQ(one.error.empty() ? State::kOpen : State::kBroken, ends.server) << "told by an alert";
  }
  const ServerFiles unknown = plain_server(stranger.issue("server"));
  EXPECT_EQ(wrong + "unable to get local issuer certificate", shake(unknown, client).client_error);
  EXPECT_EQ("the peer refused with the TLS alert 'unknown CA'", shake(unknown, client).server_error);
  EXPECT_EQ(State::kOpen, shake(unknown, {{}, {}, {}, true}, "elsewhere").client) << "insecure";
  EXPECT_EQ(State::kBroken, shake(unknown, {}).client) << "the system's authorities do not know it";
}

TEST(TlsCertificates, TheHostChoosesTheCertificate) {
  Authority authority;
  const Issued first = authority.issue("first", {"first", "DNS:one.example.org"});
  const Issued second = authority.issue("second", {"second", "DNS:two.example.org"});
  const ServerFiles server{
      {{first.certificate, first.key}, {second.certificate, second.key}}, {}, {}, ClientCertificates::kNone};
  const ClientFiles client{authority.file(), {}, {}, false};
  EXPECT_EQ("", shake(server, client, "one.example.org").client_error);
  EXPECT_EQ("", shake(server, client, "two.example.org").client_error);
  EXPECT_NE("", shake(server, client, "three.example.org").client_error);
}

TEST(TlsCertificates, ClientsAreAskedAsTheServerIsSet) {
  Authority authority, stranger("another authority");
  const Issued server = authority.issue("server");
  const Issued own = authority.issue("client", kClient);
  const Issued foreign = stranger.issue("client", kClient);
  const auto ends = [&](ClientCertificates clients, const Issued* shown) {
    ClientFiles files{authority.file(), {}, {}, false};
    if (shown != nullptr) files = {authority.file(), shown->certificate, shown->key, false};
    return shake({{{server.certificate, server.key}}, authority.file(), {}, clients}, files);
  };
  using enum ClientCertificates;
  EXPECT_EQ(State::kOpen, ends(kNone, nullptr).server);
  EXPECT_EQ(State::kOpen, ends(kNone, &foreign).server) << "nobody asks for it";
  EXPECT_EQ(State::kOpen, ends(kOptional, nullptr).server);
  EXPECT_EQ(State::kOpen, ends(kOptional, &own).server);
  EXPECT_EQ(State::kBroken, ends(kOptional, &foreign).server);
  EXPECT_EQ(State::kOpen, ends(kRequired, &own).server);
  EXPECT_EQ(State::kBroken, ends(kRequired, &foreign).server);
  const Ends without = ends(kRequired, nullptr);
  EXPECT_EQ(State::kBroken, without.server);
  EXPECT_EQ(State::kBroken, without.client);
  EXPECT_EQ("TLS: peer did not return a certificate", without.server_error);
  EXPECT_EQ("the peer refused with the TLS alert 'certificate required'", without.client_error);
}

TEST(TlsCertificates, ClientsThatMayNotComeAreRefused) {
  Authority authority;
  const Issued server = authority.issue("server");
  const auto error = [&](const Issued& shown, const std::string& revocation_lists) {
    return shake(
               {{{server.certificate, server.key}}, authority.file(), revocation_lists, ClientCertificates::kRequired},
               {authority.file(), shown.certificate, shown.key, false})
        .server_error;
  };
  const std::string wrong = "the client's certificate is not accepted: ";
  const Issued good = authority.issue("good", kClient);
  const Issued revoked = authority.issue("revoked", kClient);
  const std::string lists = authority.revoke({revoked.serial});
  EXPECT_EQ("", error(good, {}));
  EXPECT_EQ("", error(good, lists));
  EXPECT_EQ("", error(revoked, {}));
  EXPECT_EQ(wrong + "certificate revoked", error(revoked, lists));
  EXPECT_EQ(wrong + "certificate has expired", error(authority.issue("old", {"c", "", "clientAuth", -200, -100}), {}));
  EXPECT_EQ(wrong + "unsuitable certificate purpose", error(authority.issue("wrong", {"c", "", "serverAuth"}), {}));
}

TEST(TlsCertificates, TheClientsIsToldOnlyIfItWasVerified) {
  Authority authority;
  const Issued server = authority.issue("server");
  const Issued own = authority.issue("client", kClient);
  const auto identity =
      server_of({{{server.certificate, server.key}}, authority.file(), {}, ClientCertificates::kOptional});
  ResumableSession session;
  const auto with = client_of({authority.file(), own.certificate, own.key, false});
  for (const bool resumed : {false, true}) {
    Pair pair = join(identity, *with, session);
    settle(pair);
    EXPECT_EQ(resumed, tls_of(pair.server).is_resumed());
    const std::string der = pair.server.transport->peer_certificate();
    const auto* in = reinterpret_cast<const unsigned char*>(der.data());
    const CertificatePointer read(d2i_X509(nullptr, &in, static_cast<long>(der.size())));
    ASSERT_NE(nullptr, read) << resumed;
    EXPECT_EQ(own.serial, ASN1_INTEGER_get(X509_get0_serialNumber(read.get())));
  }
  ResumableSession none;
  Pair without = join(identity, *client_of({authority.file(), {}, {}, false}), none);
  settle(without);
  EXPECT_EQ(State::kOpen, without.server.transport->state());
  EXPECT_EQ("", without.server.transport->peer_certificate());
}

// Whoever was let in by older files makes a whole handshake with newer ones.
TEST(TlsCertificates, AResumptionDoesNotPassNewFiles) {
  Authority authority;
  const Issued server = authority.issue("server");
  const Issued own = authority.issue("client", kClient);
  const auto client = client_of({authority.file(), own.certificate, own.key, false});
  ServerFiles files{{{server.certificate, server.key}}, authority.file(), {}, ClientCertificates::kRequired};
  ResumableSession session;
  Pair before = join(server_of(files), *client, session);
  settle(before);
  ASSERT_EQ(State::kOpen, before.server.transport->state());
  files.revocation_lists = authority.revoke({own.serial});
  Pair after = join(server_of(files), *client, session);
  settle(after);
  EXPECT_EQ(State::kBroken, after.server.transport->state());
  before.client.to_send = "who is there stays";
  while (!before.client.to_send.empty()) before.client.write(100);
  settle(before);
  EXPECT_EQ("who is there stays", before.server.received);
}

TEST(TlsCertificates, OldProtocolsAreRefused) {
  Authority authority;
  const Issued server = authority.issue("server");
  SslSettingsPointer old(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_security_level(old.get(), 0);
  SSL_CTX_set_min_proto_version(old.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(old.get(), TLS1_1_VERSION);
  SslPointer ssl(SSL_new(old.get()));
  SSL_set_connect_state(ssl.get());
  Pair pair{{std::make_unique<TlsTransport>(std::move(ssl)), {}, {}},
            {std::make_unique<TlsTransport>(server_of(plain_server(server))), {}, {}}};
  settle(pair);
  EXPECT_EQ("TLS: unsupported protocol", pair.server.transport->error());
  EXPECT_EQ("the peer refused with the TLS alert 'protocol version'", pair.client.transport->error());
}

TEST(TlsCertificates, FilesThatAreWrongAreNamed) {
  Authority authority;
  const Issued one = authority.issue("one"), two = authority.issue("two");
  const std::string garbage = authority.folder().file("garbage.pem"), missing = authority.folder().file("missing.pem");
  std::ofstream(garbage) << "this is no PEM\n";
  using enum ClientCertificates;
  EXPECT_EQ("no certificate is given", load_error({}));
  EXPECT_EQ(missing + ": No such file or directory", load_error({{{missing, one.key}}, {}, {}, kNone}));
  EXPECT_EQ(garbage + ": no start line", load_error({{{garbage, one.key}}, {}, {}, kNone}));
  EXPECT_EQ(garbage + ": unsupported", load_error({{{one.certificate, garbage}}, {}, {}, kNone}));
  EXPECT_EQ(two.key + ": key values mismatch", load_error({{{one.certificate, two.key}}, {}, {}, kNone}));
  const std::vector<CertificateFiles> good{{one.certificate, one.key}};
  EXPECT_EQ(missing + ": No such file or directory", load_error({good, missing, {}, kRequired}));
  EXPECT_EQ(garbage + ": no start line", load_error({good, authority.file(), garbage, kRequired}));
}

TEST(TlsCertificates, TellsWhenTheyExpire) {
  Authority authority;
  const Issued issued = authority.issue("server");
  const auto expiries = server_of(plain_server(issued))->expiries();
  ASSERT_EQ(1u, expiries.size());
  EXPECT_EQ(issued.certificate, expiries[0].file);
  EXPECT_NEAR(static_cast<double>(std::time(nullptr)) + 3'600, static_cast<double>(expiries[0].expires_s), 300);
}

}  // namespace
}  // namespace onehop::tls
