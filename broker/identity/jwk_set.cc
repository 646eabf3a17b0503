// JwkSet: see the header.
#include "identity/jwk_set.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include <algorithm>
#include <optional>

#include "identity/base64url.h"
#include "identity/fingerprint.h"
#include "identity/json_text.h"

namespace onehop::identity {
namespace {

using Json = nlohmann::json;

constexpr int kRsaBitsMin = 2'048;
constexpr int kRsaBitsMax = 8'192;
constexpr size_t kIdBytesMax = 256;
constexpr size_t kEdBytes = 32;
constexpr size_t kCoordinateBytes = 32;
// Members with which a key would be able to sign.
constexpr const char* kPrivateMembers[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

template <typename T, void (*kFree)(T*)>
struct Free {
  void operator()(T* pointer) const { kFree(pointer); }
};
using Number = std::unique_ptr<BIGNUM, Free<BIGNUM, BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM, OSSL_PARAM_free>>;
using KeyMaker = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using SharedKey = std::shared_ptr<EVP_PKEY>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

SharedKey key_of(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyMaker maker(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  const bool made = parameters != nullptr && maker != nullptr && EVP_PKEY_fromdata_init(maker.get()) == 1 &&
                    EVP_PKEY_fromdata(maker.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1;
  const SharedKey out(key, EVP_PKEY_free);
  // A point that is not on its curve, for example.
  const KeyMaker checker(made ? EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr) : nullptr);
  return checker != nullptr && EVP_PKEY_public_check(checker.get()) == 1 ? out : nullptr;
}

// Reads one key; says what is wrong with it.
class KeyReading {
 public:
  explicit KeyReading(const Json& json) : json_(json) {}

  std::optional<JwkSet::Key> read(std::string& wrong) {
    JwkSet::Key key;
    wrong = read_into(key);
    if (!wrong.empty()) return std::nullopt;
    return key;
  }

 private:
  std::string read_into(JwkSet::Key& key) {
    const std::string* kind = text_member(json_, "kty");
    if (kind == nullptr) return "has no kty";
    if (*kind == "oct") return "is symmetric: whoever may check tokens with it could make them";
    for (const char* name : kPrivateMembers) {
      if (json_.contains(name)) return std::string("has the private member ") + name + ": only public keys belong here";
    }
    std::string wrong;
    if (*kind == "OKP") {
      wrong = read_edwards(key);
    } else if (*kind == "EC") {
      wrong = read_curve(key);
    } else if (*kind == "RSA") {
      wrong = read_rsa(key);
    } else {
      return "has a kty that is none of OKP, EC and RSA";
    }
    if (!wrong.empty()) return wrong;
    return key.key == nullptr ? "is no key that OpenSSL takes" : wrong_with_use(key);
  }

  std::string read_edwards(JwkSet::Key& key) {
    const std::string* curve = text_member(json_, "crv");
    if (curve == nullptr || *curve != "Ed25519") return "has a crv that is not Ed25519";
    const std::optional<std::string> x = bytes("x");
    if (!x || x->size() != kEdBytes) return "has an x that is not 32 bytes of base64url";
    key.algorithm = KeyAlgorithm::kEdDsa;
    key.key = SharedKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*x), x->size()), EVP_PKEY_free);
    return {};
  }

  std::string read_curve(JwkSet::Key& key) {
    const std::string* curve = text_member(json_, "crv");
    if (curve == nullptr || *curve != "P-256") return "has a crv that is not P-256";
    const std::optional<std::string> x = bytes("x"), y = bytes("y");
    if (!x || x->size() != kCoordinateBytes || !y || y->size() != kCoordinateBytes) {
      return "has an x or y that is not 32 bytes of base64url";
    }
    const std::string point = "\x04" + *x + *y;  // The form that is not compressed.
    const Builder builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
    key.algorithm = KeyAlgorithm::kEs256;
    key.key = key_of("EC", builder.get());
    return {};
  }

  std::string read_rsa(JwkSet::Key& key) {
    const std::optional<std::string> n = bytes("n"), e = bytes("e");
    if (!n || n->empty() || !e || e->empty()) return "has an n or e that is not base64url";
    const Number modulus(BN_bin2bn(bytes_of(*n), static_cast<int>(n->size()), nullptr));
    const Number exponent(BN_bin2bn(bytes_of(*e), static_cast<int>(e->size()), nullptr));
    const int bits = BN_num_bits(modulus.get());
    if (bits < kRsaBitsMin || bits > kRsaBitsMax) {
      return "has " + std::to_string(bits) + " bits: an RSA key must have 2048 to 8192";
    }
    if (BN_num_bits(exponent.get()) > 32 || BN_is_one(exponent.get()) || BN_is_odd(exponent.get()) == 0) {
      return "has an e that must be odd, and from 3 to 32 bits";
    }
    const Builder builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
    key.algorithm = KeyAlgorithm::kRs256;
    key.key = key_of("RSA", builder.get());
    return {};
  }

  std::string wrong_with_use(JwkSet::Key& key) const {
    if (json_.contains("alg")) {
      const std::string* algorithm = text_member(json_, "alg");
      if (algorithm == nullptr || *algorithm != to_string(key.algorithm)) {
        return "has an alg that is not " + std::string(to_string(key.algorithm)) + ", the one for such a key";
      }
    }
    if (json_.contains("use")) {
      const std::string* use = text_member(json_, "use");
      if (use == nullptr || *use != "sig") return "has a use that is not sig";
    }
    if (const auto operations = json_.find("key_ops"); operations != json_.end()) {
      const bool may = operations->is_array() &&
                       std::find(operations->begin(), operations->end(), Json("verify")) != operations->end();
      if (!may) return "has key_ops without verify";
    }
    return {};
  }

  std::optional<std::string> bytes(const char* name) const {
    const std::string* text = text_member(json_, name);
    return text == nullptr ? std::nullopt : base64url_decode(*text);
  }

  const Json& json_;
};

uint32_t fingerprint_of(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size < 0) return 0;
  const uint32_t out =
      identity::fingerprint_of(std::string_view(reinterpret_cast<const char*>(der), static_cast<size_t>(size)));
  OPENSSL_free(der);
  return out;
}

std::string shown_id(const std::string& id) {
  std::string out;
  for (const char c : id.substr(0, 64)) out += c < ' ' || c > '~' ? '?' : c;
  return out.empty() ? std::string() : " (" + out + ")";
}

// RFC 7518: two numbers of 32 bytes. OpenSSL wants them in DER.
std::string der_of(std::string_view signature) {
  std::string body;
  for (size_t half = 0; half < 2; ++half) {
    std::string_view number = signature.substr(half * kCoordinateBytes, kCoordinateBytes);
    while (number.size() > 1 && number.front() == '\0') number.remove_prefix(1);
    const bool needs_zero = (static_cast<unsigned char>(number.front()) & 0x80) != 0;
    body += '\x02';
    body += static_cast<char>(number.size() + (needs_zero ? 1 : 0));
    if (needs_zero) body += '\0';
    body += number;
  }
  return std::string("\x30") + static_cast<char>(body.size()) + body;
}

}  // namespace

std::string_view to_string(KeyAlgorithm algorithm) {
  switch (algorithm) {
    case KeyAlgorithm::kEdDsa:
      return "EdDSA";
    case KeyAlgorithm::kEs256:
      return "ES256";
    case KeyAlgorithm::kRs256:
      break;
  }
  return "RS256";
}

std::shared_ptr<const JwkSet> JwkSet::parse(std::string_view text, const std::string& name,
                                            std::vector<std::string>& problems) {
  const auto say = [&](const std::string& what) {
    problems.push_back(name + ": " + what);
    return nullptr;
  };
  const std::optional<Json> file = read_json_object(text);
  if (!file) return say("is no JSON object, or a name is in an object twice");
  const auto keys = file->find("keys");
  if (keys == file->end() || !keys->is_array() || keys->empty()) return say("must have a list \"keys\" with a key");
  if (keys->size() > kKeysMax) return say("has more than " + std::to_string(kKeysMax) + " keys");
  const auto out = std::make_shared<JwkSet>();
  const size_t before = problems.size();
  for (const Json& json : *keys) {
    const std::string* const given = json.is_object() ? text_member(json, "kid") : nullptr;
    const std::string id = given == nullptr ? std::string() : *given;
    const std::string where = "key " + std::to_string(&json - &keys->front() + 1) + shown_id(id) + " ";
    std::string wrong;
    std::optional<Key> key = json.is_object() ? KeyReading(json).read(wrong) : std::nullopt;
    if (!key) {
      say(where + (wrong.empty() ? "is no object" : wrong));
    } else if (id.size() > kIdBytesMax || (id.empty() && (json.contains("kid") || keys->size() > 1))) {
      say(where + "must have a kid, a text of 1 to 256 bytes");
    } else if (!id.empty() && out->find(&id) != nullptr) {
      say(where + "has the kid of another one");
    } else {
      key->id = id;
      key->fingerprint = fingerprint_of(key->key.get());
      out->keys_.push_back(*std::move(key));
    }
  }
  ERR_clear_error();
  return problems.size() == before ? out : nullptr;
}

const JwkSet::Key* JwkSet::find(const std::string* id) const {
  if (id == nullptr) return keys_.size() == 1 ? keys_.data() : nullptr;
  const auto found = std::find_if(keys_.begin(), keys_.end(), [id](const Key& key) { return key.id == *id; });
  // An empty id is the mark of a key that has none.
  return found == keys_.end() || id->empty() ? nullptr : &*found;
}

bool JwkSet::has(uint32_t fingerprint) const {
  return std::any_of(keys_.begin(), keys_.end(), [=](const Key& key) { return key.fingerprint == fingerprint; });
}

bool signature_is_right(const JwkSet::Key& key, std::string_view text, std::string_view signature) {
  const bool is_edwards = key.algorithm == KeyAlgorithm::kEdDsa;
  std::string der;
  if (key.algorithm == KeyAlgorithm::kEs256) {
    if (signature.size() != 2 * kCoordinateBytes) return false;
    der = der_of(signature);
    signature = der;
  }
  using Digesting = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX, EVP_MD_CTX_free>>;
  const Digesting check(EVP_MD_CTX_new());
  const EVP_MD* const digest = is_edwards ? nullptr : EVP_sha256();
  const bool right =
      check != nullptr && EVP_DigestVerifyInit(check.get(), nullptr, digest, nullptr, key.key.get()) == 1 &&
      EVP_DigestVerify(check.get(), bytes_of(signature), signature.size(), bytes_of(text), text.size()) == 1;
  // What a wrong signature leaves behind is nobody's error.
  ERR_clear_error();
  return right;
}

}  // namespace onehop::identity
