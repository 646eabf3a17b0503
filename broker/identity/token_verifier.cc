// TokenVerifier: see the header.
#include "identity/token_verifier.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "identity/base64url.h"
#include "identity/json_text.h"
#include "identity/principal.h"

namespace onehop::identity {
namespace {

using Json = nlohmann::json;

// They would bring a key of the sender's choice, or change what is signed.
constexpr const char* kRefusedHeaders[] = {"jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "enc", "zip"};
constexpr double kSecondsMax = 1e11;

bool same_but_for_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// The three parts of a token; false: there are not three.
bool split(std::string_view token, std::array<std::string_view, 3>& parts) {
  const size_t first = token.find('.');
  const size_t second = first == token.npos ? token.npos : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) return false;
  parts = {token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1)};
  return true;
}

std::optional<Json> json_in(std::string_view part) {
  const std::optional<std::string> text = base64url_decode(part);
  return text ? read_json_object(*text) : std::nullopt;
}

// Of a header that may be trusted to name its key; null: it is refused.
TokenFault find_key(const Json& header, const JwkSet& keys, const JwkSet::Key*& key) {
  if (std::any_of(std::begin(kRefusedHeaders), std::end(kRefusedHeaders),
                  [&header](const char* name) { return header.contains(name); })) {
    return TokenFault::kHeader;
  }
  const std::string* const algorithm = text_member(header, "alg");
  const std::string* const id = text_member(header, "kid");
  const std::string* const type = text_member(header, "typ");
  if (algorithm == nullptr || (header.contains("kid") && id == nullptr)) return TokenFault::kHeader;
  // A token of another kind that the same issuer has signed is no token for this.
  const bool fits = type != nullptr && (same_but_for_case(*type, "JWT") || same_but_for_case(*type, "at+jwt"));
  if (header.contains("typ") && !fits) return TokenFault::kHeader;
  key = keys.find(id);
  return key == nullptr || *algorithm != to_string(key->algorithm) ? TokenFault::kKey : TokenFault::kNone;
}

// Seconds since 1970, as milliseconds. False: the claim is no such time.
bool read_time(const Json& claim, uint64_t& ms) {
  if (!claim.is_number()) return false;
  const auto seconds = claim.get<double>();
  if (!(seconds >= 0 && seconds <= kSecondsMax)) return false;
  ms = static_cast<uint64_t>(seconds * 1'000);
  return true;
}

TokenFault check_times(const Json& claims, uint64_t unix_ms, uint64_t leeway_ms, uint64_t& expires_ms) {
  const auto expires = claims.find("exp");
  if (expires == claims.end() || !read_time(*expires, expires_ms)) return TokenFault::kClaims;
  if (unix_ms >= expires_ms + leeway_ms) return TokenFault::kExpired;
  const auto begins = claims.find("nbf");
  if (begins == claims.end()) return TokenFault::kNone;
  uint64_t begins_ms = 0;
  if (!read_time(*begins, begins_ms)) return TokenFault::kClaims;
  return begins_ms > unix_ms + leeway_ms ? TokenFault::kNotYet : TokenFault::kNone;
}

TokenFault check_audience(const Json& claims, const std::string& wanted) {
  const auto audience = claims.find("aud");
  if (audience == claims.end()) return wanted.empty() ? TokenFault::kNone : TokenFault::kAudience;
  if (audience->is_string()) {
    return !wanted.empty() && *audience == Json(wanted) ? TokenFault::kNone : TokenFault::kAudience;
  }
  const auto is_text = [](const Json& one) { return one.is_string(); };
  if (!audience->is_array() || !std::all_of(audience->begin(), audience->end(), is_text)) return TokenFault::kClaims;
  const bool named = std::find(audience->begin(), audience->end(), Json(wanted)) != audience->end();
  return !wanted.empty() && named ? TokenFault::kNone : TokenFault::kAudience;
}

// False: a claim that narrows in a way that is not understood must not be passed over.
bool read_roles(const Json& claims, std::optional<std::vector<std::string>>& out) {
  const auto claim = claims.find("onehop");
  if (claim == claims.end()) return true;
  if (!claim->is_object() || claim->size() != 1 || !claim->contains("roles")) return false;
  const Json& roles = claim->at("roles");
  if (!roles.is_array() || roles.size() > TokenVerifier::kRolesMax) return false;
  std::vector<std::string>& names = out.emplace();
  for (const Json& role : roles) {
    const std::string* const name = role.get_ptr<const std::string*>();
    if (name == nullptr || name->empty() || name->size() > 64) return false;
    names.push_back(*name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return true;
}

}  // namespace

std::string_view to_string(TokenFault fault) {
  static constexpr std::string_view kNames[] = {"none",   "form",    "header",  "key",    "signature",
                                                "claims", "expired", "not yet", "issuer", "audience"};
  return kNames[static_cast<size_t>(fault)];
}

TokenVerifier::TokenVerifier(std::shared_ptr<const JwkSet> keys, TokenRules rules)
    : keys_(std::move(keys)), rules_(std::move(rules)) {}

TokenVerdict TokenVerifier::verify(std::string_view token, uint64_t unix_ms) const {
  TokenVerdict verdict;
  const auto refuse = [&verdict](TokenFault fault) {
    verdict.fault = fault;
    return verdict;
  };
  std::array<std::string_view, 3> parts;
  if (token.size() > kTokenBytesMax || !split(token, parts)) return refuse(TokenFault::kForm);
  const std::optional<std::string> signature = base64url_decode(parts[2]);
  const std::optional<Json> header = json_in(parts[0]);
  if (!signature || !header) return refuse(TokenFault::kForm);
  const JwkSet::Key* key = nullptr;
  if (const TokenFault fault = find_key(*header, *keys_, key); fault != TokenFault::kNone) return refuse(fault);
  // Nothing in the payload is read before it is known who wrote it.
  const std::string_view is_signed = token.substr(0, parts[0].size() + 1 + parts[1].size());
  if (!signature_is_right(*key, is_signed, *signature)) return refuse(TokenFault::kSignature);

  verdict.key_fingerprint = key->fingerprint;
  const std::optional<Json> claims = json_in(parts[1]);
  if (!claims) return refuse(TokenFault::kClaims);
  const std::string* const subject = text_member(*claims, "sub");
  if (subject == nullptr || !is_valid_principal(*subject)) return refuse(TokenFault::kClaims);
  verdict.principal = *subject;
  const TokenFault time = check_times(*claims, unix_ms, rules_.leeway_ms, verdict.expires_unix_ms);
  if (time != TokenFault::kNone) return refuse(time);
  const std::string* const issuer = text_member(*claims, "iss");
  if (!rules_.issuer.empty() && (issuer == nullptr || *issuer != rules_.issuer)) return refuse(TokenFault::kIssuer);
  if (const TokenFault fault = check_audience(*claims, rules_.audience); fault != TokenFault::kNone) {
    return refuse(fault);
  }
  return read_roles(*claims, verdict.roles) ? verdict : refuse(TokenFault::kClaims);
}

}  // namespace onehop::identity
