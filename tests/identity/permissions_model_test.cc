// Permissions against a naive evaluator, which goes through all the rules as they are written and has no tables. Files
// and questions are random, over an alphabet that is small enough to hit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

#include "identity/permissions.h"

namespace onehop::identity {
namespace {

using Patterns = std::vector<std::string>;

struct ModelRole {
  std::map<std::string, Patterns> allow, deny;  // By right.
};

struct ModelFile {
  std::map<std::string, ModelRole> roles;
  std::map<std::string, std::vector<std::string>> principals;
};

bool model_matches(std::string pattern, const std::string& principal, const std::string& target) {
  const bool is_prefix = pattern.ends_with('*');
  if (is_prefix) pattern.pop_back();
  std::string literal;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      literal += pattern[i];
    } else if (pattern[++i] == '%') {
      literal += '%';
    } else if (principal.empty() || principal.find('*') != std::string::npos) {
      return false;
    } else {
      literal += principal;
    }
  }
  return is_prefix ? target.substr(0, literal.size()) == literal : target == literal;
}

bool model_any(const std::map<std::string, Patterns>& side, const std::string& right, const std::string& principal,
               const std::string& target) {
  const auto found = side.find(right);
  return found != side.end() &&
         std::any_of(found->second.begin(), found->second.end(),
                     [&](const std::string& pattern) { return model_matches(pattern, principal, target); });
}

bool model_allows(const ModelFile& file, const std::string& principal, const std::string& right, std::string target,
                  const std::vector<std::string>* only) {
  if (right == "names" && target.empty()) target = "~";
  bool allowed = false;
  for (const auto& [entry, roles] : file.principals) {
    const bool is_prefix = entry.ends_with('*');
    const std::string literal = is_prefix ? entry.substr(0, entry.size() - 1) : entry;
    const bool is_his = is_prefix ? principal.substr(0, literal.size()) == literal : principal == literal;
    if (principal.empty() || !is_his) continue;
    for (const std::string& name : roles) {
      const ModelRole& role = file.roles.at(name);
      if (model_any(role.deny, right, principal, target)) return false;
      if (only != nullptr && std::find(only->begin(), only->end(), name) == only->end()) continue;
      allowed = allowed || model_any(role.allow, right, principal, target);
    }
  }
  return allowed;
}

class Maker {
 public:
  explicit Maker(uint32_t seed) : random_(seed) {}

  size_t below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  std::string text(size_t length_max, std::string_view letters) {
    std::string out;
    for (size_t left = below(length_max + 1); left != 0; --left) out += letters[below(letters.size())];
    return out;
  }
  std::string pattern() {
    static const char* const kOwn[] = {"%p", "%p/*", "a%p", "%p/b", "a%p-*", "%%", "a%%*"};
    if (below(3) == 0) return kOwn[below(std::size(kOwn))];
    const std::string literal = text(3, "ab/-~");
    return below(2) == 0 || literal.empty() ? literal + "*" : literal;
  }
  std::map<std::string, Patterns> side() {
    std::map<std::string, Patterns> out;
    for (size_t rights = below(3); rights != 0; --rights) {
      Patterns& patterns = out[std::string(kRightNames[below(3)])];
      for (size_t left = below(5); left != 0; --left) patterns.push_back(pattern());
    }
    return out;
  }
  ModelFile file() {
    ModelFile out;
    for (const char* name : {"r", "s", "t"}) out.roles[name] = {side(), side()};
    for (size_t left = 1 + below(5); left != 0; --left) {
      const std::string literal = text(3, "ab-");
      std::vector<std::string>& roles = out.principals[below(2) == 0 || literal.empty() ? literal + "*" : literal];
      for (size_t more = below(3); more != 0; --more) roles.emplace_back(1, "rst"[below(3)]);
    }
    return out;
  }

 private:
  std::mt19937 random_;
};

std::string list_text(const std::vector<std::string>& list) {
  std::string out = "[";
  for (const std::string& text : list) out += "\"" + text + "\", ";
  return out + "]\n";
}

std::string file_text(const ModelFile& file) {
  std::string out;
  for (const auto& [name, role] : file.roles) {
    out += "[roles." + name + "]\n";
    for (const auto& [right, patterns] : role.allow) out += "allow." + right + " = " + list_text(patterns);
    for (const auto& [right, patterns] : role.deny) out += "deny." + right + " = " + list_text(patterns);
  }
  out += "[principals]\n";
  for (const auto& [entry, roles] : file.principals) out += "\"" + entry + "\" = " + list_text(roles);
  return out;
}

TEST(PermissionsModel, AgreesWithANaiveEvaluator) {
  const char* given = std::getenv("ONEHOP_TEST_SEED");
  const uint32_t seed =
      given != nullptr ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  Maker maker(seed);
  size_t allowed = 0;
  for (int round = 0; round < 400; ++round) {
    const ModelFile file = maker.file();
    const std::string text = file_text(file);
    std::vector<std::string> problems;
    const auto permissions = Permissions::parse(text, "file", problems);
    ASSERT_NE(permissions, nullptr) << "ONEHOP_TEST_SEED=" << seed << " " << problems.front() << "\n" << text;
    for (int question = 0; question < 100; ++question) {
      const std::string principal = maker.text(3, "ab-*%");
      const std::string target = maker.text(5, "ab/-~%");
      const size_t right = maker.below(3);
      std::vector<std::string> only = {"r"};
      if (maker.below(2) == 0) only.emplace_back("t");
      const bool narrowed = maker.below(4) == 0;
      const bool expected =
          model_allows(file, principal, std::string(kRightNames[right]), target, narrowed ? &only : nullptr);
      const Decision decision =
          permissions->decide({principal, {}, narrowed ? &only : nullptr}, static_cast<Right>(right), target);
      ASSERT_EQ(decision.allowed, expected) << "ONEHOP_TEST_SEED=" << seed << " identity_test: " << principal << " "
                                            << kRightNames[right] << " " << target << "\n"
                                            << text;
      allowed += expected ? 1 : 0;
    }
  }
  // Otherwise the questions ask nothing.
  EXPECT_GT(allowed, 1'000U);
}

}  // namespace
}  // namespace onehop::identity
