// The public keys that sign tokens, from a JWKS file (RFC 7517): Ed25519, P-256, and RSA of 2048 to 8192 bits. The kind
// of a key fixes its one algorithm, whatever a token says. A file with anything else in it is refused as a whole, a
// private or a symmetric key in particular. ANY THREAD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// OpenSSL's key, which no header here includes.
struct evp_pkey_st;

namespace onehop::identity {

enum class KeyAlgorithm : uint8_t { kEdDsa, kEs256, kRs256 };
// "EdDSA", "ES256", "RS256", as in a token.
std::string_view to_string(KeyAlgorithm algorithm);

class JwkSet {
 public:
  static constexpr size_t kKeysMax = 64;

  struct Key {
    std::string id;  // Empty: it has none, and is the only one.
    KeyAlgorithm algorithm = KeyAlgorithm::kEdDsa;
    std::shared_ptr<evp_pkey_st> key;
    uint32_t fingerprint = 0;
  };

  // Null: `problems` says what is wrong, as `NAME: key 2 (its id): what`.
  static std::shared_ptr<const JwkSet> parse(std::string_view text, const std::string& name,
                                             std::vector<std::string>& problems);

  // The key with this id; null: there is none. A token without an id is signed with the only key, if there is only one.
  const Key* find(const std::string* id) const;
  // Whether a key with this fingerprint is among them.
  bool has(uint32_t fingerprint) const;
  size_t size() const { return keys_.size(); }

 private:
  std::vector<Key> keys_;
};

// Whether this key has signed the text.
bool signature_is_right(const JwkSet::Key& key, std::string_view text, std::string_view signature);

}  // namespace onehop::identity
