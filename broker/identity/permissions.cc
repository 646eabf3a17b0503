// Permissions: see the header.
#include "identity/permissions.h"

#include <algorithm>

#include "identity/filter_rules.h"

namespace onehop::identity {

std::optional<Right> right_named(std::string_view name) {
  const auto* const found = std::find(kRightNames.begin(), kRightNames.end(), name);
  if (found == kRightNames.end()) return std::nullopt;
  return static_cast<Right>(found - kRightNames.begin());
}

template <typename Visit>
bool Permissions::for_each_role(std::string_view principal, Visit visit) const {
  const auto visit_entry = [&](const Entries& entries, std::string_view key) {
    const auto found = entries.find(key);
    if (found == entries.end()) return false;
    return std::any_of(found->second.begin(), found->second.end(), [&](uint32_t role) { return visit(roles_[role]); });
  };
  if (principal.empty()) return false;
  if (visit_entry(exact_, principal)) return true;
  return std::any_of(prefix_lengths_.begin(), prefix_lengths_.end(), [&](size_t length) {
    return length <= principal.size() && visit_entry(prefixes_, principal.substr(0, length));
  });
}

Decision Permissions::decide(const Subject& subject, Right right, std::string_view target) const {
  // Names that the broker makes begin with a tilde.
  if (right == Right::kNames && target.empty()) target = "~";
  const auto index = static_cast<size_t>(right);
  // A subscription is allowed if all topics are that it matches, and denied if one of them is. The same holds for a
  // watch of a prefix and the names that begin with it.
  const bool is_prefix = right == Right::kWatch && target.ends_with('*');
  const bool is_filter =
      is_prefix || (right == Right::kSubscribe && target.find_first_of("+#") != std::string_view::npos);
  if (is_prefix) target.remove_suffix(1);
  const auto match = [&](const RuleList& rules, RuleList::FilterRule holds) {
    return is_filter ? rules.match_filter(subject.principal, target, holds) : rules.match(subject.principal, target);
  };
  Decision decision;
  const auto look_at = [&](const Role& role) {
    if (const std::string* pattern = match(role.deny[index], is_prefix ? overlaps_prefix : overlaps);
        pattern != nullptr) {
      decision = {false, &role.name, pattern};
      return true;
    }
    if (decision.allowed) return false;
    const std::vector<std::string>* only = subject.narrowed_to;
    if (only != nullptr && std::find(only->begin(), only->end(), role.name) == only->end()) return false;
    if (const std::string* pattern = match(role.allow[index], is_prefix ? covers_prefix : covers); pattern != nullptr) {
      decision = {true, &role.name, pattern};
    }
    return false;
  };
  if (subject.anonymous_role.empty()) {
    for_each_role(subject.principal, look_at);
  } else if (const auto found = role_numbers_.find(subject.anonymous_role); found != role_numbers_.end()) {
    look_at(roles_[found->second]);
  }
  return decision;
}

Explanation Permissions::explain(const Subject& subject, Right right, std::string_view target) const {
  const Decision decision = decide(subject, right, target);
  Explanation explanation{decision.allowed, "no role allows this"};
  if (decision.role != nullptr) {
    explanation.why = "role '" + *decision.role + (decision.allowed ? "' allows " : "' denies ");
    explanation.why.append(kRightNames.at(static_cast<size_t>(right))).append(" '" + *decision.pattern + "'");
  } else if (subject.anonymous_role.empty() && !knows(subject.principal)) {
    explanation.why = "no entry gives the principal '" + std::string(subject.principal) + "' a role";
  }
  return explanation;
}

bool Permissions::has_role(std::string_view name) const {
  return role_numbers_.contains(name);
}

bool Permissions::knows(std::string_view principal) const {
  return for_each_role(principal, [](const Role&) { return true; });
}

}  // namespace onehop::identity
