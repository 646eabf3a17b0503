// What a pattern of a permissions file says of a filter with wildcards, as clients subscribe to topics: `+` stands for
// any one level, and `#` at the end for the level before it and everything below. A pattern is a literal, which topics
// are or, if it is a prefix, begin with.
#pragma once

#include <string_view>

namespace onehop::identity {

// Whether every topic that the filter matches is one of the pattern's; or the filter itself is the literal.
bool covers(std::string_view literal, bool is_prefix, std::string_view filter);
// Whether any topic that the filter matches is one of the pattern's.
bool overlaps(std::string_view literal, bool is_prefix, std::string_view filter);

}  // namespace onehop::identity
