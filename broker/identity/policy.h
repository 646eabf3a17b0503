// What all files together say, read at one time. It never changes: a reload makes another one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "identity/permissions.h"
#include "identity/token_verifier.h"
#include "identity/users_file.h"
#include "onehop/identity.h"

namespace onehop::identity {

struct Policy {
  std::vector<AuthMethod> methods;
  CertificatePrincipal certificate_principal = CertificatePrincipal::kUri;
  std::string anonymous_role;
  std::function<void(const Credentials&, AuthenticateAnswer)> hook;
  std::shared_ptr<const UsersFile> users;  // Null: there is no such method.
  std::shared_ptr<const JwkSet> keys;      // Null: there is no such method.
  std::optional<TokenVerifier> tokens;     // With `keys`.
  TokenRules token_rules;
  std::shared_ptr<const Permissions> permissions;  // Null: everything is allowed.

  // Null: `problems` says all that is wrong, one a line, each as `OPTION: what`.
  static std::shared_ptr<const Policy> load(const IdentityOptions& options, std::vector<std::string>& problems);
};

}  // namespace onehop::identity
