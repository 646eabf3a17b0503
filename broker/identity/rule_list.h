// The patterns of one list in a permissions file, for example of what a role may send to. A pattern is one of
//
//   hub          the text itself
//   hub-*        every text that begins with `hub-`; `*` alone: every text
//   %p, in/%p    the text in which %p is replaced by the principal
//   %p/*         every text that begins with that; between %p and the asterisk there must be a separator
//
// and %% stands for one percent sign. What replaces %p is compared byte by byte and never read as a pattern. So a
// principal cannot widen a rule, whatever it is called. For a principal that is not valid, no pattern with %p matches.
//
// INVARIANT: no prefix in prefixes_ begins with another one. So at most one can match a text, and a binary search
// finds it. match() allocates nothing.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace onehop::identity {

// Lets a map with keys of std::string be searched with a view.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

class RuleList {
 public:
  // What is wrong with the pattern, or nothing.
  std::string add(std::string_view pattern);
  // After the last add(), before the first match().
  void finish();
  // The pattern that matches, as it was written; null: none does.
  const std::string* match(std::string_view principal, std::string_view text) const;
  // The same for a filter with wildcards, where `holds` says of each pattern whether it matches (filter_rules.h). It
  // looks at all patterns, one after the other.
  using FilterRule = bool (*)(std::string_view literal, bool is_prefix, std::string_view filter);
  const std::string* match_filter(std::string_view principal, std::string_view filter, FilterRule holds) const;

 private:
  struct Prefix {
    std::string literal;
    std::string pattern;
  };
  // With %p between two literals.
  struct Own {
    std::string before, after;
    bool is_prefix = false;
    std::string pattern;
  };

  std::unordered_map<std::string, std::string, TextHash, std::equal_to<>> exact_;  // Literal to pattern.
  std::vector<Prefix> prefixes_;
  std::vector<Own> own_;
};

}  // namespace onehop::identity
