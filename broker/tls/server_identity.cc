// See the header.
#include "tls/server_identity.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstring>
#include <ctime>

namespace onehop::tls {
namespace {

constexpr int kChainDepthMax = 8;
constexpr unsigned char kSessionScope[] = "onehop";

const ServerIdentity& identity_of(SSL* ssl) {
  return *static_cast<const ServerIdentity*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

// Who offers names of protocols, and ours is not among them, wants something else: a browser that a page has sent here.
int choose_protocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void* /*settings*/) {
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, kAlpn, sizeof kAlpn, offered, offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

bool begin_cipher(const TicketKey& key, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, const unsigned char* iv,
                  bool encrypts) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key.authentication.data()),
                                        key.authentication.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv, encrypts ? 1 : 0) == 1 &&
         EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

// As SSL_CTX_set_tlsext_ticket_key_evp_cb says: 1 good, 2 good and to be renewed, 0 not known, -1 failed.
int use_ticket_key(TicketKeys& keys, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                   bool encrypts) {
  if (encrypts) {
    const std::optional<TicketKey> key = keys.youngest();
    if (!key || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    std::memcpy(name, key->name.data(), key->name.size());
    return begin_cipher(*key, cipher, mac, iv, true) ? 1 : -1;
  }
  bool is_youngest = false;
  const std::optional<TicketKey> key = keys.find(name, is_youngest);
  if (!key) return 0;
  if (!begin_cipher(*key, cipher, mac, iv, false)) return -1;
  return is_youngest ? 1 : 2;
}

// A ticket outlives no certificate: whose certificate has expired makes a full handshake, which will fail.
SSL_TICKET_RETURN judge_ticket(SSL* /*ssl*/, SSL_SESSION* session, const unsigned char* /*name*/, size_t /*size*/,
                               SSL_TICKET_STATUS status, void* /*settings*/) {
  const bool known = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
  if (!known) return SSL_TICKET_RETURN_IGNORE_RENEW;
  const X509* peer = session == nullptr ? nullptr : SSL_SESSION_get0_peer(session);
  if (peer != nullptr && X509_cmp_current_time(X509_get0_notAfter(peer)) <= 0) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return SSL_TICKET_RETURN_USE_RENEW;  // A new ticket each time: none is used twice by who keeps to the rules.
}

int seal_ticket(SSL* /*ssl*/, void* /*settings*/) {
  return 1;
}

bool add_revocation_lists(SSL_CTX& settings, const std::string& file, std::string& error) {
  ERR_clear_error();
  X509_STORE* store = SSL_CTX_get_cert_store(&settings);
  X509_LOOKUP* lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
  if (lookup == nullptr || X509_load_crl_file(lookup, file.c_str(), X509_FILETYPE_PEM) < 1) {
    error = file + ": " + take_openssl_error();
    return false;
  }
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return true;
}

int64_t unix_time(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<int64_t>(timegm(&parts)) : 0;
}

}  // namespace

std::shared_ptr<const ServerIdentity> ServerIdentity::load(const ServerFiles& files, std::string& error) {
  if (files.certificates.empty()) {
    error = "no certificate is given";
    return nullptr;
  }
  const std::shared_ptr<ServerIdentity> loaded(new ServerIdentity);
  for (const CertificateFiles& pair : files.certificates) {
    if (!loaded->add(files, pair, error)) return nullptr;
  }
  return loaded;
}

bool ServerIdentity::add(const ServerFiles& files, const CertificateFiles& pair, std::string& error) {
  SslSettingsPointer settings = make_settings(TLS_server_method());
  if (settings == nullptr) {
    error = "OpenSSL: " + take_openssl_error();
    return false;
  }
  if (!use_certificate(*settings, pair.certificate, pair.key, error)) return false;
  if (!ask_clients(*settings, files, error)) return false;
  set_callbacks(*settings);
  settings_.push_back(std::move(settings));
  files_.push_back(pair.certificate);
  return true;
}

bool ServerIdentity::ask_clients(SSL_CTX& settings, const ServerFiles& files, std::string& error) const {
  if (files.clients == ClientCertificates::kNone) return true;
  if (!use_authorities(settings, files.client_authorities, error)) return false;
  // Their names are told to clients, which choose a certificate by them.
  SSL_CTX_set_client_CA_list(&settings, SSL_load_client_CA_file(files.client_authorities.c_str()));
  if (!files.revocation_lists.empty() && !add_revocation_lists(settings, files.revocation_lists, error)) return false;
  const bool required = files.clients == ClientCertificates::kRequired;
  SSL_CTX_set_verify(&settings, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  SSL_CTX_set_verify_depth(&settings, kChainDepthMax);
  return true;
}

void ServerIdentity::set_callbacks(SSL_CTX& settings) const {
  SSL_CTX_set_app_data(&settings, const_cast<ServerIdentity*>(this));
  SSL_CTX_set_options(&settings, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(&settings, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(&settings, kSessionScope, sizeof kSessionScope - 1);
  SSL_CTX_set_timeout(&settings, TicketKeys::kLifetimeS);
  SSL_CTX_set_num_tickets(&settings, 1);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(&settings, [](SSL* ssl, unsigned char* name, unsigned char* iv,
                                                     EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypts) {
    return use_ticket_key(identity_of(ssl).tickets_, name, iv, cipher, mac, encrypts != 0);
  });
  SSL_CTX_set_session_ticket_cb(&settings, seal_ticket, judge_ticket, nullptr);
  SSL_CTX_set_alpn_select_cb(&settings, choose_protocol, nullptr);
  SSL_CTX_set_tlsext_servername_callback(
      &settings, +[](SSL* ssl, int* /*alert*/, void* /*settings*/) { return identity_of(ssl).choose_by_name(ssl); });
}

int ServerIdentity::choose_by_name(SSL* ssl) const {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  for (const SslSettingsPointer& settings : settings_) {
    X509* certificate = SSL_CTX_get0_certificate(settings.get());
    if (X509_check_host(certificate, name, std::strlen(name), 0, nullptr) != 1) continue;
    SSL_set_SSL_CTX(ssl, settings.get());
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

SslPointer ServerIdentity::new_ssl() const {
  SslPointer ssl(SSL_new(settings_.front().get()));
  if (ssl != nullptr) SSL_set_accept_state(ssl.get());
  return ssl;
}

std::vector<CertificateExpiry> ServerIdentity::expiries() const {
  std::vector<CertificateExpiry> expiries;
  for (size_t i = 0; i < settings_.size(); ++i) {
    expiries.push_back({files_[i], unix_time(X509_get0_notAfter(SSL_CTX_get0_certificate(settings_[i].get())))});
  }
  return expiries;
}

}  // namespace onehop::tls
