// VerifiedSecrets: see the header.
#include "identity/verified_secrets.h"

#include <sodium.h>

#include <cstdint>
#include <cstring>

namespace onehop::identity {

VerifiedSecrets::VerifiedSecrets() {
  randombytes_buf(key_.data(), key_.size());
}

VerifiedSecrets::~VerifiedSecrets() {
  sodium_memzero(key_.data(), key_.size());
}

// Its bytes are as good as random to whoever does not have the key.
size_t VerifiedSecrets::Hash::operator()(const Digest& digest) const {
  size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

VerifiedSecrets::Digest VerifiedSecrets::digest_of(std::string_view user, std::string_view secret) const {
  crypto_generichash_state state;
  crypto_generichash_init(&state, key_.data(), key_.size(), Digest().size());
  // With the length first, no other pair has the same bytes.
  const uint64_t user_size = user.size();
  crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(&user_size), sizeof user_size);
  for (const std::string_view part : {user, secret}) {
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(part.data()), part.size());
  }
  Digest digest;
  crypto_generichash_final(&state, digest.data(), digest.size());
  return digest;
}

bool VerifiedSecrets::knows(std::string_view user, std::string_view secret) const {
  const Digest digest = digest_of(user, secret);
  const std::lock_guard lock(mutex_);
  return known_.contains(digest);
}

void VerifiedSecrets::learn(std::string_view user, std::string_view secret) {
  const Digest digest = digest_of(user, secret);
  const std::lock_guard lock(mutex_);
  if (!known_.insert(digest).second) return;
  in_order_.push_back(digest);
  if (in_order_.size() <= kMost) return;
  known_.erase(in_order_.front());
  in_order_.pop_front();
}

size_t VerifiedSecrets::size() const {
  const std::lock_guard lock(mutex_);
  return known_.size();
}

}  // namespace onehop::identity
