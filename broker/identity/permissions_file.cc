// Reads a permissions file: see permissions.h. Anything that is not understood is a mistake with its line, because a
// rule that is left out could be the one that denies. The only file here that compiles toml++.
#include <toml++/toml.h>

#include <algorithm>
#include <map>
#include <utility>

#include "identity/permissions.h"
#include "identity/toml_depth.h"

namespace onehop::identity {
namespace {

constexpr size_t kRoleNameBytesMax = 64;

unsigned line_of(const toml::node& node) {
  return node.source().begin.line;
}

// What comes from the file, in a line of our own.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, 80)) out += c < ' ' || c > '~' ? '?' : c;
  return out + "'";
}

// `where: 'what'wrong`.
std::string about(const std::string& where, std::string_view what, std::string_view wrong) {
  std::string text(where);
  text.append(": ").append(in_quotes(what)).append(wrong);
  return text;
}

bool is_role_name(std::string_view name) {
  return !name.empty() && name.size() <= kRoleNameBytesMax && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// An entry of [principals] without its asterisk, and whether it had one; nothing: it is none.
std::optional<std::pair<std::string, bool>> principal_entry(std::string_view text) {
  const bool is_prefix = text.ends_with('*');
  if (is_prefix) text.remove_suffix(1);
  if (!is_prefix && text.empty()) return std::nullopt;
  const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~' && c != '*'; });
  if (!is_plain) return std::nullopt;
  return std::pair(std::string(text), is_prefix);
}

}  // namespace

class PermissionsReading {
 public:
  PermissionsReading(const std::string& name, std::vector<std::string>& problems) : name_(name), problems_(problems) {}

  void take(const toml::table& file) {
    for (const auto& [key, node] : file) {
      if (key.str() != "roles" && key.str() != "principals") {
        say(key.source().begin.line, in_quotes(key.str()) + " is not known: a file has [roles.NAME] and [principals]");
      }
    }
    if (const toml::node* roles = file.get("roles")) take_roles(*roles);
    if (const toml::node* principals = file.get("principals")) take_principals(*principals);
  }

  void say(unsigned line, const std::string& what) { found_.emplace(line, what); }

  std::shared_ptr<const Permissions> result() {
    // In the order of the file, for those who read what is said of it.
    for (const auto& [line, what] : found_) problems_.push_back(name_ + ":" + std::to_string(line) + ": " + what);
    if (!found_.empty()) return nullptr;
    for (Permissions::Role& role : out_->roles_) {
      for (RuleList& list : role.allow) list.finish();
      for (RuleList& list : role.deny) list.finish();
    }
    return out_;
  }

 private:
  void take_roles(const toml::node& node) {
    const toml::table* roles = node.as_table();
    if (roles == nullptr) return say(line_of(node), "roles must be a table");
    for (const auto& [key, role] : *roles) {
      if (!is_role_name(key.str())) {
        say(key.source().begin.line, in_quotes(key.str()) + ": a role's name has at most 64 letters, digits, - and _");
      }
      const auto number = static_cast<uint32_t>(out_->roles_.size());
      out_->roles_.emplace_back().name = key.str();
      out_->role_numbers_.emplace(key.str(), number);
      take_role(role, "role " + in_quotes(key.str()));
    }
  }

  void take_role(const toml::node& node, const std::string& where) {
    const toml::table* role = node.as_table();
    if (role == nullptr) return say(line_of(node), where + " must be a table");
    for (const auto& [key, side] : *role) {
      if (key.str() == "allow") {
        take_side(side, out_->roles_.back().allow, where + ": allow");
      } else if (key.str() == "deny") {
        take_side(side, out_->roles_.back().deny, where + ": deny");
      } else {
        say(key.source().begin.line, where + ": " + in_quotes(key.str()) + " is not known: a role has allow and deny");
      }
    }
  }

  void take_side(const toml::node& node, std::array<RuleList, kRights>& side, const std::string& where) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return say(line_of(node), where + " must be a table");
    for (const auto& [key, patterns] : *table) {
      if (const std::optional<Right> right = right_named(key.str())) {
        take_patterns(patterns, side[static_cast<size_t>(*right)], where + "." + std::string(key.str()));
        continue;
      }
      std::string wrong = about(where, key.str(), " is not known: there are ");
      for (const std::string_view name : kRightNames) wrong.append(name == kRightNames[0] ? "" : ", ").append(name);
      say(key.source().begin.line, wrong);
    }
  }

  void take_patterns(const toml::node& node, RuleList& list, const std::string& where) {
    const toml::array* patterns = node.as_array();
    if (patterns == nullptr) return say(line_of(node), where + " must be a list of texts");
    for (const toml::node& element : *patterns) {
      const auto* text = element.as_string();
      if (text == nullptr) {
        say(line_of(element), where + " must be a list of texts");
      } else if (const std::string wrong = list.add(text->get()); !wrong.empty()) {
        say(line_of(element), about(where, text->get(), ": ").append(wrong));
      }
    }
  }

  void take_principals(const toml::node& node) {
    const toml::table* principals = node.as_table();
    if (principals == nullptr) return say(line_of(node), "principals must be a table");
    for (const auto& [key, roles] : *principals) {
      const auto entry = principal_entry(key.str());
      if (!entry) {
        say(key.source().begin.line,
            "principal " + in_quotes(key.str()) + ": must be visible ASCII, and an asterisk may only end it");
        continue;
      }
      Permissions::RoleNumbers numbers = take_role_names(roles, "principal " + in_quotes(key.str()));
      if (!entry->second) {
        out_->exact_.emplace(entry->first, std::move(numbers));
        continue;
      }
      const size_t length = entry->first.size();
      std::vector<size_t>& lengths = out_->prefix_lengths_;
      if (std::find(lengths.begin(), lengths.end(), length) == lengths.end()) lengths.push_back(length);
      out_->prefixes_.emplace(entry->first, std::move(numbers));
    }
  }

  Permissions::RoleNumbers take_role_names(const toml::node& node, const std::string& where) {
    Permissions::RoleNumbers numbers;
    const toml::array* roles = node.as_array();
    if (roles == nullptr) {
      say(line_of(node), where + " must have a list of roles");
      return numbers;
    }
    for (const toml::node& element : *roles) {
      const auto* text = element.as_string();
      const auto found = text == nullptr ? out_->role_numbers_.end() : out_->role_numbers_.find(text->get());
      if (text == nullptr) {
        say(line_of(element), where + " must have a list of roles");
      } else if (found == out_->role_numbers_.end()) {
        say(line_of(element), where + ": there is no role " + in_quotes(text->get()));
      } else {
        numbers.push_back(found->second);
      }
    }
    return numbers;
  }

  const std::string& name_;
  std::vector<std::string>& problems_;
  std::multimap<unsigned, std::string> found_;
  const std::shared_ptr<Permissions> out_ = std::make_shared<Permissions>();
};

std::shared_ptr<const Permissions> Permissions::parse(std::string_view text, const std::string& name,
                                                      std::vector<std::string>& problems) {
  PermissionsReading reading(name, problems);
  if (const unsigned line = toml_line_too_deep(text); line != 0) {
    reading.say(line, "nested deeper than " + std::to_string(kTomlDepthMax));
    return reading.result();
  }
  try {
    reading.take(toml::parse(text));
  } catch (const toml::parse_error& error) {
    std::string what;
    for (const char c : error.description().substr(0, 160)) what += c < ' ' || c > '~' ? '?' : c;
    reading.say(error.source().begin.line, what);
  }
  return reading.result();
}

}  // namespace onehop::identity
