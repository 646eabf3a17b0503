// OpenSSL's objects with an owner that frees them, and its errors as a clause. Any thread.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace onehop::tls {

template <auto kFree>
struct FreedBy {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using SslPointer = std::unique_ptr<SSL, FreedBy<SSL_free>>;
using SslSettingsPointer = std::unique_ptr<SSL_CTX, FreedBy<SSL_CTX_free>>;
using SslSessionPointer = std::unique_ptr<SSL_SESSION, FreedBy<SSL_SESSION_free>>;

// Why OpenSSL's last call on this thread failed: the first cause, as a clause such as "no start line". Clears what it
// noted.
std::string take_openssl_error();

// What all settings of ours have: TLS 1.2 at least, only ciphers with forward secrecy and authenticated encryption, no
// renegotiation, no compression, and buffers that an idle connection does not keep.
SslSettingsPointer make_settings(const SSL_METHOD* method);

// Puts a certificate, its chain and its key into settings. On failure `error` is a line that begins with the file.
bool use_certificate(SSL_CTX& settings, const std::string& certificate_file, const std::string& key_file,
                     std::string& error);
// Has the settings believe the authorities in a file. On failure as above.
bool use_authorities(SSL_CTX& settings, const std::string& file, std::string& error);

// The name of the stream in ALPN, with its length in front, as the hello carries it.
inline constexpr unsigned char kAlpn[] = {8, 'o', 'n', 'e', 'h', 'o', 'p', '/', '1'};

}  // namespace onehop::tls
