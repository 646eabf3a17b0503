// Tls of tls.h: the identity in use, which a reload replaces as a whole.
#include <exception>
#include <mutex>
#include <utility>

#include "onehop/tls.h"
#include "tls/server_identity.h"
#include "tls/tls_transport.h"
#include "transport/security.h"

namespace onehop {
namespace {

tls::ServerFiles files_of(const TlsOptions& options) {
  tls::ServerFiles files;
  for (const TlsCertificate& one : options.certificates)
    files.certificates.push_back({one.certificate_file, one.key_file});
  files.client_authorities = options.client_ca_file;
  files.revocation_lists = options.crl_file;
  files.clients = static_cast<tls::ClientCertificates>(options.clients);
  files.protocol = options.protocol;
  return files;
}

// What a Tls and the brokers that use it share.
class IdentityInUse final : public TransportSecurity {
 public:
  explicit IdentityInUse(std::shared_ptr<const tls::ServerIdentity> identity) : identity_(std::move(identity)) {}

  std::unique_ptr<transport::Transport> accept(uint64_t now_ms) override {
    auto now = identity();
    now->advance(now_ms);
    return std::make_unique<tls::TlsTransport>(std::move(now));
  }
  std::shared_ptr<const tls::ServerIdentity> identity() const {
    const std::lock_guard lock(mutex_);
    return identity_;
  }
  void set(std::shared_ptr<const tls::ServerIdentity> identity) {
    const std::lock_guard lock(mutex_);
    identity_.swap(identity);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const tls::ServerIdentity> identity_;
};

IdentityInUse& in_use_by(const std::shared_ptr<TransportSecurity>& security) {
  return static_cast<IdentityInUse&>(*security);
}

std::shared_ptr<const tls::ServerIdentity> load_identity(const TlsOptions& options, std::string& error) try {
  if (options.clients != TlsClients::kNone && options.client_ca_file.empty()) {
    error = "there are no authorities to verify client certificates with";
    return nullptr;
  }
  return tls::ServerIdentity::load(files_of(options), error);
} catch (const std::exception& failure) {
  error = failure.what();
  return nullptr;
}

}  // namespace

Tls::Tls(std::shared_ptr<TransportSecurity> security) : security_(std::move(security)) {}
Tls::~Tls() = default;

std::unique_ptr<Tls> Tls::load(const TlsOptions& options, std::string& error) {
  auto identity = load_identity(options, error);
  if (identity == nullptr) return nullptr;
  return std::unique_ptr<Tls>(new Tls(std::make_shared<IdentityInUse>(std::move(identity))));
}

std::shared_ptr<TransportSecurity> Tls::security() const {
  return security_;
}

bool Tls::reload(const TlsOptions& options, std::string& error) {
  auto identity = load_identity(options, error);
  if (identity == nullptr) return false;
  in_use_by(security_).set(std::move(identity));
  return true;
}

void Tls::take_over(const Tls& loaded) {
  in_use_by(security_).set(in_use_by(loaded.security_).identity());
}

std::vector<TlsExpiry> Tls::expiries() const {
  std::vector<TlsExpiry> expiries;
  for (const tls::CertificateExpiry& one : in_use_by(security_).identity()->expiries()) {
    expiries.push_back({one.file, one.expires_s * 1'000});
  }
  return expiries;
}

}  // namespace onehop
