// Signed tokens: compact JWS (RFC 7515) whose payload is a set of claims (RFC 7519), in `Connect.token`. What is not
// understood is refused. ANY THREAD.
//
//   header   alg   the algorithm of the key
//            kid   the key's id; may be left out if there is only one key
//            typ   JWT or at+jwt, if it is there. jwk, jku, x5u, x5c, x5t, crit, b64, enc and zip are refused
//   claims   sub   the principal
//            exp   when the token expires, in seconds since 1970; must be there
//            nbf   since when it holds
//            iss   must be `issuer`, if that is set
//            aud   a text or a list; `audience` must be in it, if that is set. If it is not, there must be no aud
//            onehop  {"roles": ["a", "b"]}: of the principal's roles only these allow anything
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/jwk_set.h"

namespace onehop::identity {

// Why a token is refused, for the operator. A client is not told.
enum class TokenFault : uint8_t {
  kNone,
  kForm,       // It is no compact JWS of the right size.
  kHeader,     // Its header has something that is refused, or is no JSON.
  kKey,        // No key has its kid, or the key has another algorithm.
  kSignature,  // The key has not signed it.
  kClaims,     // A claim is missing, or is not what it must be.
  kExpired,
  kNotYet,
  kIssuer,
  kAudience,
};
// "expired", "audience", …
std::string_view to_string(TokenFault fault);

struct TokenVerdict {
  TokenFault fault = TokenFault::kNone;
  // Of a token whose signature is right, also if it is refused, and a valid one.
  std::string principal;
  uint64_t expires_unix_ms = 0;
  uint32_t key_fingerprint = 0;
  // In order, each once. Nothing: all roles of the principal count.
  std::optional<std::vector<std::string>> roles;
};

struct TokenRules {
  std::string issuer;    // Empty: any.
  std::string audience;  // Empty: a token for a certain audience is refused.
  // How far the clocks of issuer and broker may differ.
  uint64_t leeway_ms = 30'000;
};

class TokenVerifier {
 public:
  static constexpr size_t kTokenBytesMax = 8'192;
  static constexpr size_t kRolesMax = 64;

  TokenVerifier(std::shared_ptr<const JwkSet> keys, TokenRules rules);

  TokenVerdict verify(std::string_view token, uint64_t unix_ms) const;

 private:
  std::shared_ptr<const JwkSet> keys_;
  TokenRules rules_;
};

}  // namespace onehop::identity
