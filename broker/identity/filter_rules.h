// What a pattern of a permissions file says of a filter with wildcards to which a client wants to subscribe. `+` stands
// for any one level, and `#` at the end for the level before it and everything below. A pattern has a literal. A topic
// is one of the pattern's if it equals the literal or, if the pattern is a prefix, begins with it.
#pragma once

#include <string_view>

namespace onehop::identity {

// Whether every topic that the filter matches is one of the pattern's; or the filter itself is the literal.
bool covers(std::string_view literal, bool is_prefix, std::string_view filter);
// Whether any topic that the filter matches is one of the pattern's.
bool overlaps(std::string_view literal, bool is_prefix, std::string_view filter);

// The same for all names that begin with a prefix.
bool covers_prefix(std::string_view literal, bool is_prefix, std::string_view prefix);
bool overlaps_prefix(std::string_view literal, bool is_prefix, std::string_view prefix);

}  // namespace onehop::identity
