// Who may connect with a secret. The file has a line for each user, `user:hash`, where the hash is one that
// `onehop hash-secret` prints. Empty lines are allowed, and lines that begin with #. A client gives `user:secret`.
//
// A wrong secret costs the same whether or not there is such a user: if any hash in the file is slow to check, each
// failure takes one slow check. ANY THREAD.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "identity/rule_list.h"
#include "identity/secret_hash.h"
#include "identity/verified_secrets.h"

namespace onehop::identity {

class UsersFile {
 public:
  // Null: `problems` says what is wrong, one a line, each as `NAME:LINE: what`.
  static std::shared_ptr<const UsersFile> parse(std::string_view text, const std::string& name,
                                                std::vector<std::string>& problems);

  enum class Verdict : uint8_t {
    kRight,
    kWrong,
    kUnknown,  // Only check_slowly() can tell.
  };
  // Within microseconds.
  Verdict check_quickly(std::string_view user, std::string_view secret) const;
  // After kUnknown: takes tens of milliseconds.
  bool check_slowly(std::string_view user, std::string_view secret) const;

  size_t size() const { return users_.size(); }
  // Nothing: there is no such user. Another one after a change of the secret.
  std::optional<uint32_t> fingerprint(std::string_view user) const;

 private:
  std::unordered_map<std::string, SecretHash, TextHash, std::equal_to<>> users_;
  const SecretHash* slowest_ = nullptr;  // The one of users_ that takes most; null: none is slow.
  mutable VerifiedSecrets verified_;
};

}  // namespace onehop::identity
