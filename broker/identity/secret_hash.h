// What a users file keeps of a secret, so that whoever reads the file does not have the secret:
//
//   $argon2id$v=19$m=…   for passwords that people choose: slow on purpose, on libsodium
//   $blake2b$…           for secrets of 256 random bits, which nobody guesses: 32 bytes in hexadecimal
//
// ANY THREAD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace onehop::identity {

// A longer secret is no secret of anybody.
inline constexpr size_t kSecretBytesMax = 1'024;

class SecretHash {
 public:
  // As a users file has it. Nothing: `wrong` says why.
  static std::optional<SecretHash> parse(std::string_view text, std::string& wrong);
  // The text of a new one. Nothing: there is not enough memory.
  static std::optional<std::string> slow_text(std::string_view secret);
  static std::string quick_text(std::string_view secret);

  // Whether it takes tens of milliseconds and megabytes to check.
  bool is_slow() const { return slow_bytes_ != 0; }
  size_t slow_bytes() const { return slow_bytes_; }
  // In a time that does not tell how much of the secret was right.
  bool matches(std::string_view secret) const;
  // Another one after a change of the secret.
  uint32_t fingerprint() const;

 private:
  std::string text_;       // Of an argon2id: all of it. Of a BLAKE2b: the bytes.
  size_t slow_bytes_ = 0;  // Of an argon2id: the memory that a check takes.
};

// A secret that nobody guesses: 32 random bytes in hexadecimal.
std::string make_secret();

}  // namespace onehop::identity
