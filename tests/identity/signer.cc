// Signer: see the header.
#include "signer.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <stdexcept>
#include <vector>

namespace onehop::identity {
namespace {

void require(bool good) {
  if (!good) throw std::runtime_error("OpenSSL");
}

std::string number_of(EVP_PKEY* key, const char* name, int size) {
  BIGNUM* number = nullptr;
  require(EVP_PKEY_get_bn_param(key, name, &number) == 1);
  std::string out(static_cast<size_t>(size == 0 ? BN_num_bytes(number) : size), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
  BN_free(number);
  return out;
}

}  // namespace

std::string base64url_encode(std::string_view bytes) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  unsigned bits = 0;
  int size = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (size += 8; size >= 6;) {
      size -= 6;
      out += kAlphabet[bits >> size & 63];
    }
  }
  if (size != 0) out += kAlphabet[bits << (6 - size) & 63];
  return out;
}

Signer::Signer(const std::string& algorithm, unsigned rsa_bits) : algorithm_(algorithm) {
  EVP_PKEY* key = algorithm == "EdDSA"   ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                  : algorithm == "ES256" ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")
                                         : EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<size_t>(rsa_bits));
  require(key != nullptr);
  key_ = {key, EVP_PKEY_free};
}

std::string Signer::jwk(const std::string& more) const {
  EVP_PKEY* const key = key_.get();
  if (algorithm_ == "EdDSA") {
    std::string x(32, '\0');
    size_t size = x.size();
    require(EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(x.data()), &size) == 1);
    return "{" + more + R"("kty":"OKP","crv":"Ed25519","x":")" + base64url_encode(x) + "\"}";
  }
  if (algorithm_ == "ES256") {
    return "{" + more + R"("kty":"EC","crv":"P-256","x":")" +
           base64url_encode(number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, 32)) + R"(","y":")" +
           base64url_encode(number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, 32)) + "\"}";
  }
  return "{" + more + R"("kty":"RSA","n":")" + base64url_encode(number_of(key, OSSL_PKEY_PARAM_RSA_N, 0)) +
         R"(","e":")" + base64url_encode(number_of(key, OSSL_PKEY_PARAM_RSA_E, 0)) + "\"}";
}

std::string Signer::raw_signature(const std::string& text) const {
  EVP_MD_CTX* const signing = EVP_MD_CTX_new();
  const EVP_MD* const digest = algorithm_ == "EdDSA" ? nullptr : EVP_sha256();
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  require(EVP_DigestSignInit(signing, nullptr, digest, nullptr, key_.get()) == 1);
  std::string out(1'024, '\0');
  size_t size = out.size();
  require(EVP_DigestSign(signing, reinterpret_cast<unsigned char*>(out.data()), &size, bytes, text.size()) == 1);
  EVP_MD_CTX_free(signing);
  out.resize(size);
  return out;
}

std::string Signer::signature(const std::string& text) const {
  const std::string raw = raw_signature(text);
  if (algorithm_ != "ES256") return raw;
  const auto* at = reinterpret_cast<const unsigned char*>(raw.data());
  ECDSA_SIG* const parts = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(raw.size()));
  require(parts != nullptr);
  std::string out(64, '\0');
  auto* const bytes = reinterpret_cast<unsigned char*>(out.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(parts), bytes, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(parts), bytes + 32, 32);
  ECDSA_SIG_free(parts);
  return out;
}

std::string Signer::token(const std::string& header, const std::string& claims) const {
  const std::string text = base64url_encode(header) + "." + base64url_encode(claims);
  return text + "." + base64url_encode(signature(text));
}

std::string Signer::public_pem() const {
  BIO* const memory = BIO_new(BIO_s_mem());
  require(PEM_write_bio_PUBKEY(memory, key_.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  std::string out(data, static_cast<size_t>(size));
  BIO_free(memory);
  return out;
}

std::string key_set(std::string_view keys) {
  return "{\"keys\":[" + std::string(keys) + "]}";
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::string out(32, '\0');
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), reinterpret_cast<unsigned char*>(out.data()), &size);
  return out;
}

}  // namespace onehop::identity
