// See the header.
#include "tls/openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace onehop::tls {
namespace {

// Of a peer's certificates, before they are looked at. Chains have some 2 to 6 KB.
constexpr long kPeerChainBytesMax = 16 << 10;

// Without it OpenSSL asks the terminal for the passphrase of an encrypted key.
int no_passphrase(char* /*into*/, int /*size*/, int /*writes*/, void* /*settings*/) {
  return -1;
}

bool fail(const std::string& file, std::string& error) {
  error = file + ": " + take_openssl_error();
  return false;
}

}  // namespace

std::string take_openssl_error() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (code == 0) return "it is not what was expected";
  if (ERR_SYSTEM_ERROR(code)) {
    char text[128];
    // The form of strerror_r that returns the text, wherever it puts it.
    return strerror_r(ERR_GET_REASON(code), text, sizeof text);
  }
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "OpenSSL's error " + std::to_string(code);
}

SslSettingsPointer make_settings(const SSL_METHOD* method) {
  SslSettingsPointer made(SSL_CTX_new(method));
  if (made == nullptr) return nullptr;
  SSL_CTX* settings = made.get();
  const bool good = SSL_CTX_set_min_proto_version(settings, TLS1_2_VERSION) == 1 &&
                    SSL_CTX_set_cipher_list(settings, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
  if (!good) return nullptr;
  SSL_CTX_set_options(settings, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(settings,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                       // The file of a certificate has its chain: looking for one costs each handshake a verification.
                       SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_max_cert_list(settings, kPeerChainBytesMax);
  SSL_CTX_set_default_passwd_cb(settings, no_passphrase);
  return made;
}

bool use_certificate(SSL_CTX& settings, const std::string& certificate_file, const std::string& key_file,
                     std::string& error) {
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(&settings, certificate_file.c_str()) != 1)
    return fail(certificate_file, error);
  if (SSL_CTX_use_PrivateKey_file(&settings, key_file.c_str(), SSL_FILETYPE_PEM) != 1) return fail(key_file, error);
  if (SSL_CTX_check_private_key(&settings) != 1) return fail(key_file, error);
  return true;
}

bool use_authorities(SSL_CTX& settings, const std::string& file, std::string& error) {
  ERR_clear_error();
  return SSL_CTX_load_verify_file(&settings, file.c_str()) == 1 || fail(file, error);
}

}  // namespace onehop::tls
