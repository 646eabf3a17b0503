// toml++ parses and frees its tree by recursion, and has no bound for keys with dots. So what is nested too deep is
// found before it sees the text.
#pragma once

#include <string_view>

namespace onehop::identity {

// Configuration and permissions need 4: a role, allow or deny, a right, a list.
inline constexpr unsigned kTomlDepthMax = 32;

// The first line with something that is nested deeper than kTomlDepthMax, or 0.
unsigned toml_line_too_deep(std::string_view text);

}  // namespace onehop::identity
