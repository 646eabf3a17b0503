// What the server's side of TLS is made from, loaded from files: certificates, keys, and whose clients are believed.
// It never changes. New files make a new identity, and connections that are there keep the one that they began with.
// Tickets of another identity are not accepted: so a client whose certificate was revoked cannot resume past a reload.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tls/openssl.h"
#include "tls/ticket_keys.h"

namespace onehop::tls {

// Whether clients must show a certificate.
enum class ClientCertificates : uint8_t {
  kNone,      // They are not asked.
  kOptional,  // They are asked, and one that is shown must be good.
  kRequired,
};

struct CertificateFiles {
  std::string certificate;  // PEM: the server's certificate first, then those between it and the root.
  std::string key;          // PEM, not encrypted.
};

struct ServerFiles {
  std::vector<CertificateFiles> certificates;  // At least one. Clients that name no host of them get the first.
  std::string client_authorities;              // PEM. Needed unless `clients` is kNone.
  std::string revocation_lists;                // PEM; empty: none.
  ClientCertificates clients = ClientCertificates::kNone;
};

// A certificate that is in use.
struct CertificateExpiry {
  std::string file;
  int64_t expires_s = 0;  // Unix time.
};

class ServerIdentity {
 public:
  // All of the files, or nothing and in `error` one line that names the file.
  static std::shared_ptr<const ServerIdentity> load(const ServerFiles& files, std::string& error);

  ServerIdentity(const ServerIdentity&) = delete;
  ServerIdentity& operator=(const ServerIdentity&) = delete;

  // The state of one handshake, whose client certificate may be one of them. Null: no memory.
  SslPointer new_ssl() const;
  // From time to time, with any clock that does not go back: ticket keys change.
  void advance(uint64_t now_ms) const { tickets_.advance(now_ms); }
  std::vector<CertificateExpiry> expiries() const;

 private:
  ServerIdentity() = default;

  bool add(const ServerFiles& files, const CertificateFiles& pair, std::string& error);
  bool ask_clients(SSL_CTX& settings, const ServerFiles& files, std::string& error) const;
  void set_callbacks(SSL_CTX& settings) const;
  int choose_by_name(SSL* ssl) const;

  std::vector<SslSettingsPointer> settings_;  // One for each pair.
  std::vector<std::string> files_;            // Of the certificates.
  mutable TicketKeys tickets_;
};

}  // namespace onehop::tls
