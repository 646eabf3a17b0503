// What the principals of a broker may do, as a permissions file says. It never changes once it has been read: a reload
// makes another one.
//
//   [roles.device]
//   allow.names = ["%p"]            # patterns: see rule_list.h
//   allow.send = ["hub", "hub-*"]
//   deny.send = ["hub-admin"]
//
//   [principals]
//   "device-*" = ["device"]         # a principal, or a prefix and an asterisk, with roles
//
// A principal has the roles of all entries that match it. What one of its roles denies is denied. Otherwise it is
// allowed if one of its roles allows it, and nothing else is. ANY THREAD; decide() allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "identity/rule_list.h"

namespace onehop::identity {

// What can be allowed and denied, in the order of kRightNames.
enum class Right : uint8_t { kNames, kTakeOver, kSend, kPublish, kSubscribe, kServe, kRequest, kWatch };
inline constexpr size_t kRights = 8;
inline constexpr std::array<std::string_view, kRights> kRightNames = {"names",     "take_over", "send",    "publish",
                                                                      "subscribe", "serve",     "request", "watch"};
std::optional<Right> right_named(std::string_view name);

// Whose rights are asked for. The views need to be valid during the call only.
struct Subject {
  std::string_view principal;
  // Of a client without a principal: the one role that it has. Empty: the roles of the principal count.
  std::string_view anonymous_role = {};
  // If not null, only these roles allow anything. What the principal's other roles deny stays denied.
  const std::vector<std::string>* narrowed_to = nullptr;
};

struct Decision {
  bool allowed = false;
  // What decided: null where nothing matched. They live as long as the permissions.
  const std::string* role = nullptr;
  const std::string* pattern = nullptr;
};

// A decision in words, for operators.
struct Explanation {
  bool allowed = false;
  std::string why;  // Which rule decides, for example: role 'device' allows send 'hub-*'
};

class Permissions {
 public:
  // Null: `problems` says what is wrong, one a line, each as `NAME:LINE: what`.
  static std::shared_ptr<const Permissions> parse(std::string_view text, const std::string& name,
                                                  std::vector<std::string>& problems);

  // The empty target of kNames is a name that the broker makes; the pattern `~*` matches it.
  Decision decide(const Subject& subject, Right right, std::string_view target) const;
  Explanation explain(const Subject& subject, Right right, std::string_view target) const;
  bool has_role(std::string_view name) const;
  // Whether any entry gives this principal a role.
  bool knows(std::string_view principal) const;
  size_t roles() const { return roles_.size(); }

 private:
  friend class PermissionsReading;

  struct Role {
    std::string name;
    std::array<RuleList, kRights> allow, deny;
  };
  using RoleNumbers = std::vector<uint32_t>;
  using Entries = std::unordered_map<std::string, RoleNumbers, TextHash, std::equal_to<>>;

  // Calls `visit` for the roles of each entry that matches; stops when it returns true, and returns that.
  template <typename Visit>
  bool for_each_role(std::string_view principal, Visit visit) const;

  std::vector<Role> roles_;
  std::unordered_map<std::string, uint32_t, TextHash, std::equal_to<>> role_numbers_;
  Entries exact_;
  Entries prefixes_;                    // Without the asterisk.
  std::vector<size_t> prefix_lengths_;  // Those that occur in prefixes_, each once.
};

}  // namespace onehop::identity
