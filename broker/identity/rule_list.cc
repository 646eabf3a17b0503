// RuleList: see the header.
#include "identity/rule_list.h"

#include <algorithm>
#include <utility>

#include "identity/principal.h"

namespace onehop::identity {
namespace {

constexpr size_t kPatternBytesMax = 512;
// What may stand between %p and an asterisk. With `%p*` the principal `al` would have what is alice's.
constexpr std::string_view kSeparators = "/.:-_@!~=|;";

bool matches(std::string_view text, std::string_view literal, bool is_prefix) {
  return is_prefix ? text.starts_with(literal) : text == literal;
}

}  // namespace

std::string RuleList::add(std::string_view pattern) {
  if (pattern.empty()) return "a pattern is empty";
  if (pattern.size() > kPatternBytesMax) return "a pattern is longer than " + std::to_string(kPatternBytesMax);
  std::string literals[2];
  size_t owns = 0;
  const bool is_prefix = pattern.back() == '*';
  const std::string_view body = is_prefix ? pattern.substr(0, pattern.size() - 1) : pattern;
  for (size_t at = 0; at < body.size(); ++at) {
    const char c = body[at];
    if (c <= ' ' || c > '~') return "a pattern must be visible ASCII";
    if (c == '*') return "an asterisk may only end a pattern";
    if (c != '%') {
      literals[owns] += c;
      continue;
    }
    const char next = ++at < body.size() ? body[at] : '\0';
    if (next == '%') {
      literals[owns] += '%';
    } else if (next != 'p') {
      return "% must be followed by p or %";
    } else if (++owns > 1) {
      return "%p may stand in a pattern once";
    }
  }
  if (owns == 1) {
    const bool is_separated = !literals[1].empty() && kSeparators.find(literals[1].front()) != std::string_view::npos;
    if (is_prefix && !is_separated) return "between %p and the asterisk there must be a separator, as in %p/*";
    own_.push_back({literals[0], literals[1], is_prefix, std::string(pattern)});
  } else if (is_prefix) {
    prefixes_.push_back({literals[0], std::string(pattern)});
  } else {
    exact_.emplace(literals[0], std::string(pattern));
  }
  return {};
}

void RuleList::finish() {
  std::sort(prefixes_.begin(), prefixes_.end(), [](const Prefix& a, const Prefix& b) { return a.literal < b.literal; });
  std::vector<Prefix> kept;
  for (Prefix& prefix : prefixes_) {
    if (kept.empty() || !prefix.literal.starts_with(kept.back().literal)) kept.push_back(std::move(prefix));
  }
  prefixes_ = std::move(kept);
}

const std::string* RuleList::match(std::string_view principal, std::string_view text) const {
  if (const auto found = exact_.find(text); found != exact_.end()) return &found->second;
  const auto after = std::upper_bound(prefixes_.begin(), prefixes_.end(), text,
                                      [](std::string_view a, const Prefix& b) { return a < b.literal; });
  if (after != prefixes_.begin() && text.starts_with(std::prev(after)->literal)) return &std::prev(after)->pattern;
  if (own_.empty() || !is_valid_principal(principal)) return nullptr;
  for (const Own& own : own_) {
    if (!text.starts_with(own.before)) continue;
    const std::string_view rest = text.substr(own.before.size());
    if (rest.starts_with(principal) && matches(rest.substr(principal.size()), own.after, own.is_prefix)) {
      return &own.pattern;
    }
  }
  return nullptr;
}

const std::string* RuleList::match_filter(std::string_view principal, std::string_view filter, FilterRule holds) const {
  for (const auto& [literal, pattern] : exact_) {
    if (holds(literal, false, filter)) return &pattern;
  }
  for (const Prefix& prefix : prefixes_) {
    if (holds(prefix.literal, true, filter)) return &prefix.pattern;
  }
  if (own_.empty() || !is_valid_principal(principal)) return nullptr;
  for (const Own& own : own_) {
    std::string literal = own.before;
    literal.append(principal).append(own.after);
    if (holds(literal, own.is_prefix, filter)) return &own.pattern;
  }
  return nullptr;
}

}  // namespace onehop::identity
