// Any bytes as a token, and any text as its claims or header: nothing is accepted that the key has not signed, and no
// reader of its parts says two things of one text.
#include <cstdint>
#include <string>
#include <vector>

#include "check.h"
#include "identity/base64url.h"
#include "identity/json_text.h"
#include "identity/token_verifier.h"

using onehop::fuzz::require;
using onehop::identity::JwkSet;
using onehop::identity::TokenFault;
using onehop::identity::TokenVerifier;

namespace {

// RFC 8032's first test vector, whose private half signs nothing here.
constexpr const char* kKeys =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

const TokenVerifier& verifier() {
  static const TokenVerifier one = [] {
    std::vector<std::string> problems;
    return TokenVerifier(JwkSet::parse(kKeys, "keys", problems), {"", "a"});
  }();
  return one;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  require(verifier().verify(text, 1'700'000'000'000).fault != TokenFault::kNone, "accepted without a signature");
  if (const auto json = onehop::identity::read_json_object(text)) {
    const auto again = onehop::identity::read_json_object(json->dump());
    require(again && *again == *json, "another object when read again");
  }
  static_cast<void>(onehop::identity::base64url_decode(text));
  std::vector<std::string> problems;
  const auto keys = JwkSet::parse(text, "keys", problems);
  require((keys == nullptr) == !problems.empty(), "read and refused, or neither");
  return 0;
}
