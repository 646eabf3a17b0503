// Any text as a permissions file: it is read, or refused with a line for each problem. What is read decides as its
// rules say: a denial names a rule, nothing is allowed without a rule, and what nobody may be called has nothing.
#include <cstdint>
#include <string>
#include <vector>

#include "check.h"
#include "identity/permissions.h"

using onehop::fuzz::require;
using onehop::identity::Decision;
using onehop::identity::Permissions;
using onehop::identity::Right;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> problems;
  const auto permissions = Permissions::parse(text, "f", problems);
  require((permissions == nullptr) == !problems.empty(), "read and refused, or neither");
  for (const std::string& problem : problems) {
    require(problem.starts_with("f:"), "a problem without its line");
    for (const char c : problem) require(c >= ' ' && c <= '~', "a problem that is not plain");
  }
  if (permissions == nullptr) return 0;
  const std::vector<std::string> nothing;
  for (const std::string_view principal : {"a", "alice", "b", "*", "%p", ""}) {
    for (const std::string_view target : {"a", "alice", "b", "c-d", "x-a", "a/b", "", "~1"}) {
      for (const Right right : {Right::kNames, Right::kTakeOver, Right::kSend}) {
        const Decision decision = permissions->decide({principal}, right, target);
        require((decision.role == nullptr) == (decision.pattern == nullptr), "half a rule");
        require(!decision.allowed || decision.role != nullptr, "allowed without a rule");
        require(!decision.allowed || !principal.empty(), "nobody is allowed something");
        require(!permissions->decide({principal, {}, &nothing}, right, target).allowed, "allowed without a role");
      }
    }
  }
  return 0;
}
