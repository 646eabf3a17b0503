// The server's side of TLS for a broker inside a program. Load it from files, and give its security() to the broker:
//
//   std::string error;
//   const auto tls = onehop::Tls::load({.certificates = {{"server.pem", "server.key"}}}, error);
//   options.listen = {"tls://0.0.0.0:7411"};
//   options.tls = tls->security();
//
// No function here throws. Any thread may call any method, also several at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "onehop/export.h"

namespace onehop {

class TransportSecurity;

// Whether clients must show a certificate.
enum class TlsClients : uint8_t {
  kNone,      // They are not asked.
  kOptional,  // They are asked. One that shows a certificate must show a good one.
  kRequired,
};

// A certificate and its key, both PEM files. The key may not be encrypted.
struct TlsCertificate {
  std::string certificate_file;  // The server's certificate first, then those between it and the root.
  std::string key_file;
};

// The files of the server's side, and who may connect.
struct TlsOptions {
  // At least one. A client gets the first one that is for the host that it names, otherwise the first one of all.
  std::vector<TlsCertificate> certificates;
  TlsClients clients = TlsClients::kNone;
  // The authorities whose client certificates are good: a PEM file. Needed unless `clients` is kNone.
  std::string client_ca_file;
  // Certificate revocation lists: a PEM file with one for each authority of a client's chain. Empty: none is looked at.
  std::string crl_file;
  // What a client that names protocols in its hello (ALPN) has to name, 1 to 255 bytes. Another one is for a listener
  // of another protocol.
  std::string protocol = "onehop/1";
};

// When a certificate ends.
struct TlsExpiry {
  std::string certificate_file;
  int64_t expires_unix_ms = 0;
};

// Made by load(). It may be destroyed while brokers still use its security().
class ONEHOP_EXPORT Tls {
 public:
  // Reads all files. On failure returns nothing, and `error` is one line for people that names the file.
  static std::unique_ptr<Tls> load(const TlsOptions& options, std::string& error);
  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  // For BrokerOptions::tls, of one broker or several. It may outlive this.
  std::shared_ptr<TransportSecurity> security() const;
  // Reads all files anew. Connections that begin after it has returned use them, and none of them resumes a session of
  // before; those that are there stay. On failure everything stays as it was, and `error` says why.
  bool reload(const TlsOptions& options, std::string& error);
  // The same with files that have been read already, by load(): those of `loaded` are used from now on.
  void take_over(const Tls& loaded);
  // Of the certificates in use, in the order of TlsOptions::certificates.
  std::vector<TlsExpiry> expiries() const;

 private:
  explicit Tls(std::shared_ptr<TransportSecurity> security);

  std::shared_ptr<TransportSecurity> security_;
};

}  // namespace onehop
