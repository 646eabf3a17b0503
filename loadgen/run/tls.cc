// See the header.
#include "loadgen/run/tls.h"

#include "loadgen/run/settings.h"
#include "onehop/client_types.h"

namespace onehop::loadgen {
namespace {

constexpr const char* kTls = "TLS";

client::ClientOptions options_of(const TlsSettings& tls) {
  client::ClientOptions options;
  options.tls_ca_file = tls.ca_file;
  options.tls_certificate_file = tls.certificate_file;
  options.tls_key_file = tls.key_file;
  options.tls_server_name = tls.server_name;
  options.tls_insecure = tls.insecure;
  return options;
}

Flag file_flag(const char* name, const char* what, std::string& into) {
  return {name, kTls, "FILE", "", what, 1, false, [&into](const auto& values) { into = values.front(); }};
}

}  // namespace

std::vector<Flag> tls_flags(TlsSettings& tls) {
  return {
      file_flag("--tls-ca", "The authorities that may vouch for the target; default: those of the system", tls.ca_file),
      file_flag("--tls-cert", "The certificate that all clients show", tls.certificate_file),
      file_flag("--tls-key", "The key of that certificate", tls.key_file),
      {"--tls-server-name", kTls, "NAME", "", "The name that the target's certificate must be for; default: its host",
       1, false, [&tls](const auto& values) { tls.server_name = values.front(); }},
      {"--tls-insecure", kTls, "", "", "INSECURE: believe whoever answers", 0, false,
       [&tls](const auto&) { tls.insecure = true; }},
  };
}

std::string apply_tls(TlsSettings& tls, const Target& target) {
  tls.on = target.address.is_tls();
  std::string wrong = client::wrong_with_tls(target.address, options_of(tls));
  if (!wrong.empty()) return "--target: " + wrong;
  if (tls.server_name.empty()) tls.server_name = target.address.host();
  return {};
}

std::unique_ptr<client::SecureLink> begin_tls(const TlsSettings& tls, tls::ResumableSession& session,
                                              std::string& error) {
  return client::SecureLink::begin(client::tls_files_of(options_of(tls)), tls.server_name, session, error);
}

}  // namespace onehop::loadgen
