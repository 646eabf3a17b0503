// See the header.
#include "tls/client_identity.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <array>
#include <mutex>
#include <utility>
#include <vector>

namespace onehop::tls {
namespace {

bool is_ip_address(const std::string& host) {
  unsigned char space[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), space) == 1 || inet_pton(AF_INET6, host.c_str(), space) == 1;
}

// One version of a file: a file that is replaced, or written anew, has another one.
struct FileVersion {
  uint64_t device = 0, inode = 0, bytes = 0;
  int64_t changed_s = 0, changed_ns = 0;

  bool operator==(const FileVersion&) const = default;
};

FileVersion version_of(const std::string& file) {
  struct stat found;
  if (file.empty() || ::stat(file.c_str(), &found) != 0) return {};
  return {static_cast<uint64_t>(found.st_dev), static_cast<uint64_t>(found.st_ino),
          static_cast<uint64_t>(found.st_size), found.st_ctim.tv_sec, found.st_ctim.tv_nsec};
}

class SharedIdentities {
 public:
  std::shared_ptr<const ClientIdentity> get(const ClientFiles& files, std::string& error) {
    const Versions versions{version_of(files.authorities), version_of(files.certificate), version_of(files.key)};
    const std::lock_guard lock(mutex_);
    std::erase_if(known_, [](const Known& one) { return one.identity.expired(); });
    for (const Known& one : known_) {
      if (one.files != files || one.versions != versions) continue;
      if (auto identity = one.identity.lock()) return identity;
    }
    auto identity = ClientIdentity::load(files, error);
    if (identity != nullptr) known_.push_back({files, versions, identity});
    return identity;
  }

 private:
  using Versions = std::array<FileVersion, 3>;
  struct Known {
    ClientFiles files;
    Versions versions;  // Before they were read.
    std::weak_ptr<const ClientIdentity> identity;
  };

  std::mutex mutex_;
  std::vector<Known> known_;
};

int keep_session(SSL* ssl, SSL_SESSION* session) {
  static_cast<ResumableSession*>(SSL_get_app_data(ssl))->keep(SslSessionPointer(session));
  return 1;  // The reference is ours now.
}

}  // namespace

std::shared_ptr<const ClientIdentity> ClientIdentity::load(const ClientFiles& files, std::string& error) {
  if (files.certificate.empty() != files.key.empty()) {
    error = "a certificate and its key are given together, or neither is";
    return nullptr;
  }
  const std::shared_ptr<ClientIdentity> loaded(new ClientIdentity);
  loaded->settings_ = make_settings(TLS_client_method());
  if (loaded->settings_ == nullptr) {
    error = "OpenSSL: " + take_openssl_error();
    return nullptr;
  }
  SSL_CTX& settings = *loaded->settings_;
  if (!files.authorities.empty() && !use_authorities(settings, files.authorities, error)) return nullptr;
  if (files.authorities.empty() && !files.insecure) SSL_CTX_set_default_verify_paths(&settings);
  if (!files.certificate.empty() && !use_certificate(settings, files.certificate, files.key, error)) return nullptr;
  loaded->insecure_ = files.insecure;
  SSL_CTX_set_verify(&settings, files.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_protos(&settings, kAlpn, sizeof kAlpn);
  SSL_CTX_set_session_cache_mode(&settings, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(&settings, keep_session);
  return loaded;
}

std::shared_ptr<const ClientIdentity> ClientIdentity::shared(const ClientFiles& files, std::string& error) {
  static SharedIdentities shared;
  return shared.get(files, error);
}

SslPointer ClientIdentity::new_ssl(const std::string& host, ResumableSession& session) const {
  ERR_clear_error();
  SslPointer ssl(SSL_new(settings_.get()));
  if (ssl == nullptr) return nullptr;
  SSL_set_connect_state(ssl.get());
  SSL_set_app_data(ssl.get(), &session);
  X509_VERIFY_PARAM* rules = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  // An address is no name that a hello may carry.
  const bool good = is_ip_address(host) ? X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1
                                        : X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size()) == 1 &&
                                              SSL_set_tlsext_host_name(ssl.get(), host.c_str()) == 1;
  if (!good && !insecure_) return nullptr;
  if (const SslSessionPointer last = session.take(); last != nullptr) SSL_set_session(ssl.get(), last.get());
  return ssl;
}

}  // namespace onehop::tls
