// The client's side of TLS: whom it believes, and what it shows of itself. One identity serves many connections. Any
// thread may make connections from it.
#pragma once

#include <memory>
#include <string>

#include "tls/openssl.h"

namespace onehop::tls {

struct ClientFiles {
  std::string authorities;  // PEM; empty: those of the system.
  std::string certificate;  // PEM: the client's own, shown if the server asks; empty: none.
  std::string key;          // PEM. With a certificate, and only then.
  bool insecure = false;    // Believes every server.

  bool operator==(const ClientFiles&) const = default;
};

// The last session of one client with one server: with it the next connection costs both of them less. One thread at a
// time.
class ResumableSession {
 public:
  void keep(SslSessionPointer session) { session_ = std::move(session); }
  // Each is used once, so that nobody who listens can tell that two connections are the same client's.
  SslSessionPointer take() { return std::move(session_); }

 private:
  SslSessionPointer session_;
};

class ClientIdentity {
 public:
  // Nothing, and in `error` one line that names the file, if a file is not as it must be.
  static std::shared_ptr<const ClientIdentity> load(const ClientFiles& files, std::string& error);

  // The same one for the same files as long as anybody has it and the files are as they were. Reading the system's
  // authorities takes milliseconds and megabytes, which not each of a thousand clients should take.
  static std::shared_ptr<const ClientIdentity> shared(const ClientFiles& files, std::string& error);

  ClientIdentity(const ClientIdentity&) = delete;
  ClientIdentity& operator=(const ClientIdentity&) = delete;

  // The state of a connection to `host`, a name or an address, which the server's certificate must be for. `session`
  // outlives it. Null: no memory, or the host is not a possible name.
  SslPointer new_ssl(const std::string& host, ResumableSession& session) const;

 private:
  ClientIdentity() = default;

  SslSettingsPointer settings_;
  bool insecure_ = false;
};

}  // namespace onehop::tls
