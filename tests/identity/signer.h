// Makes keys and signs tokens, as an issuer does. Everything in a token can be made wrong.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace onehop::identity {

std::string base64url_encode(std::string_view bytes);

class Signer {
 public:
  // "EdDSA", "ES256" or "RS256"; of RSA, how long.
  explicit Signer(const std::string& algorithm, unsigned rsa_bits = 2048);

  // The public key as an element of a JWKS. `more`: members in front, each followed by a comma.
  std::string jwk(const std::string& more) const;
  // `HEADER.CLAIMS.SIGNATURE`.
  std::string token(const std::string& header, const std::string& claims) const;
  // As a JWS has it: 64 bytes for ES256.
  std::string signature(const std::string& text) const;
  // As OpenSSL makes it.
  std::string raw_signature(const std::string& text) const;
  // SubjectPublicKeyInfo as PEM: the text that is a secret for HMAC in the attack with that.
  std::string public_pem() const;

 private:
  std::string algorithm_;
  std::shared_ptr<evp_pkey_st> key_;
};

// {"keys":[…]}
std::string key_set(std::string_view keys);
std::string hmac_sha256(std::string_view key, std::string_view text);

}  // namespace onehop::identity
