// base64url as signed tokens have it (RFC 7515): no padding, no white space, and one text only for each sequence of
// bytes, so nobody can change a token's text without changing what it says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace onehop::identity {

// Nothing: it is none.
std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace onehop::identity
