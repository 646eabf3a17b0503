// SecretHash: see the header.
#include "identity/secret_hash.h"

#include <sodium.h>

#include <charconv>

#include "identity/fingerprint.h"

namespace onehop::identity {
namespace {

constexpr std::string_view kQuick = "$blake2b$";
constexpr std::string_view kSlow = "$argon2id$v=19$m=";
constexpr size_t kQuickBytes = 32;
// So that an entry of the file cannot stop a thread for minutes, or take all the memory.
constexpr unsigned long kSlowKibibytesMax = 1 << 20;
constexpr unsigned long kSlowPassesMax = 16;

std::string quick_digest(std::string_view secret) {
  // Not the digest of the same text for any other purpose.
  constexpr std::string_view kPurpose = "onehop users file";
  std::string digest(kQuickBytes, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(digest.data()), digest.size(),
                     reinterpret_cast<const unsigned char*>(secret.data()), secret.size(),
                     reinterpret_cast<const unsigned char*>(kPurpose.data()), kPurpose.size());
  return digest;
}

std::string hexadecimal(std::string_view bytes) {
  std::string out(2 * bytes.size() + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  out.pop_back();
  return out;
}

// `m=65536,t=2,p=1$…` of libsodium's form: the memory in KiB and the passes. False: they are not there or too large.
bool read_costs(std::string_view text, unsigned long& kibibytes) {
  unsigned long passes = 0;
  const char* const end = text.data() + text.size();
  auto read = std::from_chars(text.data(), end, kibibytes);
  const std::string_view rest(read.ptr, static_cast<size_t>(end - read.ptr));
  if (read.ec != std::errc() || !rest.starts_with(",t=")) return false;
  read = std::from_chars(rest.data() + 3, end, passes);
  return read.ec == std::errc() && kibibytes <= kSlowKibibytesMax && passes <= kSlowPassesMax;
}

}  // namespace

std::optional<SecretHash> SecretHash::parse(std::string_view text, std::string& wrong) {
  SecretHash hash;
  if (text.starts_with(kQuick)) {
    const std::string_view digits = text.substr(kQuick.size());
    hash.text_.resize(kQuickBytes);
    size_t size = 0;
    const char* end = nullptr;
    const int read = sodium_hex2bin(reinterpret_cast<unsigned char*>(hash.text_.data()), kQuickBytes, digits.data(),
                                    digits.size(), nullptr, &size, &end);
    if (read == 0 && size == kQuickBytes && end == digits.data() + digits.size()) return hash;
    wrong = "$blake2b$ must be followed by 64 hexadecimal digits";
    return std::nullopt;
  }
  if (!text.starts_with(kSlow)) {
    wrong = "this is no hash that 'onehop hash-secret' makes";
    return std::nullopt;
  }
  hash.text_ = text;
  unsigned long kibibytes = 0;
  if (!read_costs(text.substr(kSlow.size()), kibibytes)) {
    wrong = "an argon2id hash may take 1 GiB and 16 passes at most";
    return std::nullopt;
  }
  hash.slow_bytes_ = kibibytes << 10;
  // The rest of its form only libsodium knows: it says so of one that it cannot read.
  if (text.size() < crypto_pwhash_STRBYTES &&
      crypto_pwhash_argon2id_str_needs_rehash(hash.text_.c_str(), crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE,
                                              crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE) != -1) {
    return hash;
  }
  wrong = "this argon2id hash is damaged";
  return std::nullopt;
}

std::optional<std::string> SecretHash::slow_text(std::string_view secret) {
  char text[crypto_pwhash_STRBYTES];
  if (crypto_pwhash_argon2id_str(text, secret.data(), secret.size(), crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE,
                                 crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE) != 0) {
    return std::nullopt;
  }
  return std::string(text);
}

std::string SecretHash::quick_text(std::string_view secret) {
  return std::string(kQuick) + hexadecimal(quick_digest(secret));
}

bool SecretHash::matches(std::string_view secret) const {
  if (is_slow()) return crypto_pwhash_argon2id_str_verify(text_.c_str(), secret.data(), secret.size()) == 0;
  const std::string digest = quick_digest(secret);
  return sodium_memcmp(digest.data(), text_.data(), kQuickBytes) == 0;
}

uint32_t SecretHash::fingerprint() const {
  return fingerprint_of(text_);
}

std::string make_secret() {
  std::string bytes(kQuickBytes, '\0');
  randombytes_buf(bytes.data(), bytes.size());
  return hexadecimal(bytes);
}

}  // namespace onehop::identity
