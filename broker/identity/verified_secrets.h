// Which secrets have been found right, so that the restart of ten thousand clients does not take minutes of argon2id.
// It keeps digests under a random key, never a secret, and never more than `kMost`: then the oldest goes. ANY THREAD.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string_view>
#include <unordered_set>

namespace onehop::identity {

class VerifiedSecrets {
 public:
  static constexpr size_t kMost = 100'000;

  VerifiedSecrets();
  VerifiedSecrets(const VerifiedSecrets&) = delete;
  VerifiedSecrets& operator=(const VerifiedSecrets&) = delete;
  ~VerifiedSecrets();

  bool knows(std::string_view user, std::string_view secret) const;
  void learn(std::string_view user, std::string_view secret);
  size_t size() const;

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Hash {
    size_t operator()(const Digest& digest) const;
  };

  Digest digest_of(std::string_view user, std::string_view secret) const;

  std::array<unsigned char, 32> key_;
  mutable std::mutex mutex_;
  std::unordered_set<Digest, Hash> known_;
  std::deque<Digest> in_order_;
};

}  // namespace onehop::identity
