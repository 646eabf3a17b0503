// See the header.
#include "identity/filter_rules.h"

namespace onehop::identity {
namespace {

// Takes the first level off; false: it was the last one.
bool take_level(std::string_view& rest, std::string_view& level) {
  const size_t slash = rest.find('/');
  level = rest.substr(0, slash);
  if (slash == std::string_view::npos) return false;
  rest.remove_prefix(slash + 1);
  return true;
}

}  // namespace

bool covers(std::string_view literal, bool is_prefix, std::string_view filter) {
  if (filter == literal) return true;
  if (!is_prefix) return false;
  // All topics begin with what is in front of the first wildcard. But one of a/# is a, without the slash.
  std::string_view beginning = filter.substr(0, filter.find_first_of("+#"));
  if (filter.ends_with("/#") && beginning.size() + 1 == filter.size()) beginning.remove_suffix(1);
  return beginning.starts_with(literal);
}

bool overlaps(std::string_view literal, bool is_prefix, std::string_view filter) {
  for (;;) {
    std::string_view wanted, level;
    const bool wants_more = take_level(filter, wanted);
    if (wanted == "#") return true;
    const bool has_more = take_level(literal, level);
    if (is_prefix && !has_more) return wanted == "+" || wanted.starts_with(level);
    if (wanted != "+" && wanted != level) return false;
    if (!has_more) return !wants_more || filter == "#";
    if (!wants_more) return false;
  }
}

// A single name never is all that begin with a prefix.
bool covers_prefix(std::string_view literal, bool is_prefix, std::string_view prefix) {
  return is_prefix && prefix.starts_with(literal);
}

bool overlaps_prefix(std::string_view literal, bool is_prefix, std::string_view prefix) {
  return literal.starts_with(prefix) || (is_prefix && prefix.starts_with(literal));
}

}  // namespace onehop::identity
