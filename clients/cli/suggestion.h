// What somebody who has mistyped a word may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace onehop::cli {

// Text such as "; did you mean 'send'?", or an empty one if no name is close to what was typed.
std::string did_you_mean(std::string_view typed, const std::vector<std::string>& names);

}  // namespace onehop::cli
