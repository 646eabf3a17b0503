// How a client was let in, in the one number that the broker keeps of it and gives back with each question
// (Access::permissions). 0: by the embedder's hook.
//
//   bits 60 to 62   the method and one
//   bits 28 to 59   the fingerprint of the user's hash, or of the key that has signed the token
//   bits 0 to 27    the number of the set of roles that a token narrows its owner to, and one; 0: it does not narrow
#pragma once

#include <cstdint>
#include <optional>

#include "onehop/identity.h"

namespace onehop::identity {

struct Grant {
  std::optional<AuthMethod> method;
  uint32_t fingerprint = 0;
  uint32_t narrowing = 0;

  uint64_t number() const {
    const uint64_t kind = method ? static_cast<uint64_t>(*method) + 1 : 0;
    return kind << 60 | static_cast<uint64_t>(fingerprint) << 28 | narrowing;
  }
  static Grant of(uint64_t number) {
    Grant grant;
    const uint64_t kind = number >> 60 & 7;
    if (kind != 0 && kind <= kAuthMethods) grant.method = static_cast<AuthMethod>(kind - 1);
    grant.fingerprint = static_cast<uint32_t>(number >> 28);
    grant.narrowing = static_cast<uint32_t>(number & ((1U << 28) - 1));
    return grant;
  }
};

}  // namespace onehop::identity
