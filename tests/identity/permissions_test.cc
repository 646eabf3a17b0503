// Permissions files: what they allow, and what is wrong with them. The tables hold what went wrong in other brokers:
// principals with the characters of patterns, files that are empty, rules that were skipped instead of refused.
#include "identity/permissions.h"

#include <gtest/gtest.h>

namespace onehop::identity {
namespace {

std::shared_ptr<const Permissions> parsed(std::string_view text) {
  std::vector<std::string> problems;
  auto permissions = Permissions::parse(text, "file", problems);
  EXPECT_TRUE(problems.empty()) << problems.front();
  return permissions;
}

// The problems, one a line.
std::string wrong_with(std::string_view text) {
  std::vector<std::string> problems;
  EXPECT_EQ(Permissions::parse(text, "file", problems), nullptr);
  std::string out;
  for (const std::string& problem : problems) out += problem + "\n";
  return out;
}

constexpr const char* kOffice = R"([roles.device]
allow.names = ["%p", "%p/*"]
allow.send = ["hub", "hub-*", "100%%"]
deny.send = ["hub-admin", "hub-secret-*"]

[roles.operator]
allow.names = ["*"]
allow.take_over = ["device-*"]
allow.send = ["*"]

[roles.guest]
allow.names = ["~*"]
allow.send = ["hub"]

[principals]
"device-*" = ["device"]
"olga" = ["operator"]
"o*" = ["guest"]
"both" = ["operator", "device"]
"nothing" = []
)";

struct Row {
  const char* principal;
  Right right;
  const char* target;
  bool allowed;
};

TEST(Permissions, OfAnOffice) {
  const auto permissions = parsed(kOffice);
  const Row rows[] = {
      {"device-7", Right::kNames, "device-7", true},
      {"device-7", Right::kNames, "device-7/a", true},
      {"device-7", Right::kNames, "device-77", false},
      {"device-7", Right::kNames, "device-", false},
      {"device-7", Right::kNames, "", false},
      {"device-7", Right::kTakeOver, "device-7", false},
      {"device-7", Right::kSend, "hub", true},
      {"device-7", Right::kSend, "hub2", false},
      {"device-7", Right::kSend, "hub-", true},
      {"device-7", Right::kSend, "hub-2", true},
      {"device-7", Right::kSend, "hub-admin", false},
      {"device-7", Right::kSend, "hub-admin2", true},
      {"device-7", Right::kSend, "hub-secret-1", false},
      {"device-7", Right::kSend, "100%", true},
      {"device-7", Right::kSend, "100%%", false},
      {"device-7", Right::kSend, "", false},
      {"device-7", Right::kWatch, "hub", false},
      {"device-", Right::kSend, "hub", true},
      {"device", Right::kSend, "hub", false},
      // All entries that match a principal count.
      {"olga", Right::kNames, "", true},
      {"olga", Right::kSend, "anybody", true},
      {"olga", Right::kTakeOver, "device-1", true},
      {"olga", Right::kTakeOver, "alice", false},
      {"otto", Right::kNames, "", true},
      {"otto", Right::kNames, "~x", true},
      {"otto", Right::kNames, "otto", false},
      // What one role denies, no other one allows, in whatever order they are.
      {"both", Right::kSend, "hub-admin", false},
      {"both", Right::kSend, "anybody", true},
      {"nothing", Right::kSend, "hub", false},
      {"unknown", Right::kSend, "hub", false},
      {"", Right::kSend, "hub", false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(permissions->decide({row.principal}, row.right, row.target).allowed, row.allowed)
        << row.principal << " " << kRightNames[static_cast<size_t>(row.right)] << " " << row.target;
  }
}

TEST(Permissions, DecisionNamesTheRule) {
  const auto permissions = parsed(kOffice);
  const Decision denied = permissions->decide({"both"}, Right::kSend, "hub-secret-9");
  EXPECT_EQ(*denied.role, "device");
  EXPECT_EQ(*denied.pattern, "hub-secret-*");
  const Decision allowed = permissions->decide({"device-1"}, Right::kNames, "device-1/x");
  EXPECT_EQ(*allowed.pattern, "%p/*");
  EXPECT_EQ(permissions->decide({"nobody"}, Right::kSend, "hub").role, nullptr);
}

// A principal with the characters of patterns, as in the advisories about %u and ${username} of MQTT brokers.
TEST(Permissions, PrincipalIsNeverReadAsAPattern) {
  const auto permissions = parsed(R"([roles.own]
allow.names = ["%p", "in/%p", "%p/*", "in/%p/*"]
[principals]
"*" = ["own"]
)");
  for (const std::string principal : {"*", "a*", "%p", "%", "#", "+", "?", "a.*", "\\", " ", "\n", ""}) {
    for (const std::string target : {"alice", "in/alice", "in/", "/x", "*", "alice/x", "in//x", "", "~"}) {
      EXPECT_FALSE(permissions->decide({principal}, Right::kNames, target).allowed) << principal << " " << target;
    }
  }
  // It has what is literally its own, unless it is no valid principal.
  EXPECT_TRUE(permissions->decide({"%p"}, Right::kNames, "in/%p").allowed);
  EXPECT_TRUE(permissions->decide({"#"}, Right::kNames, "#").allowed);
  EXPECT_FALSE(permissions->decide({"a*"}, Right::kNames, "a*").allowed);
  EXPECT_FALSE(permissions->decide({std::string("a\0b", 3)}, Right::kNames, std::string("a\0b", 3)).allowed);
}

// An empty file that opened everything was an advisory of its own.
TEST(Permissions, NothingIsAllowedThatNoRoleAllows) {
  for (const char* text :
       {"", "# nothing\n", "[roles]\n[principals]\n", "[roles.a]\n[principals]\n\"*\" = [\"a\"]\n"}) {
    const auto permissions = parsed(text);
    for (size_t right = 0; right < kRights; ++right) {
      EXPECT_FALSE(permissions->decide({"alice"}, static_cast<Right>(right), "alice").allowed);
    }
  }
}

TEST(Permissions, NarrowedKeepsEveryDenial) {
  const auto permissions = parsed(kOffice);
  const std::vector<std::string> only_operator = {"operator"};
  const std::vector<std::string> only_device = {"device"};
  const std::vector<std::string> none;
  const std::vector<std::string> foreign = {"guest"};
  EXPECT_FALSE(permissions->decide({"both", "", &only_operator}, Right::kSend, "hub-admin").allowed);
  EXPECT_TRUE(permissions->decide({"both", "", &only_operator}, Right::kSend, "anybody").allowed);
  EXPECT_FALSE(permissions->decide({"both", "", &only_device}, Right::kSend, "anybody").allowed);
  EXPECT_TRUE(permissions->decide({"both", "", &only_device}, Right::kSend, "hub").allowed);
  EXPECT_FALSE(permissions->decide({"both", "", &none}, Right::kSend, "hub").allowed);
  // A role that the principal does not have is not given to it.
  EXPECT_FALSE(permissions->decide({"both", "", &foreign}, Right::kNames, "").allowed);
}

TEST(Permissions, OfAnonymousClients) {
  const auto permissions = parsed(kOffice);
  EXPECT_TRUE(permissions->decide({"", "guest"}, Right::kSend, "hub").allowed);
  EXPECT_FALSE(permissions->decide({"", "guest"}, Right::kSend, "alice").allowed);
  EXPECT_FALSE(permissions->decide({"", "device"}, Right::kNames, "").allowed);
  EXPECT_FALSE(permissions->decide({"", "no-such-role"}, Right::kSend, "hub").allowed);
}

TEST(Permissions, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(
      wrong_with("[roles.a]\nallow.sned = [\"b\"]\n"),
      "file:2: role 'a': allow: 'sned' is not known: there are names, take_over, send, publish, subscribe, serve, "
      "request, watch\n");
  EXPECT_EQ(wrong_with("[principals]\nalice = [\"a\"]\n"), "file:2: principal 'alice': there is no role 'a'\n");
  EXPECT_EQ(wrong_with("[roles.a]\nallow.send = \"b\"\n"), "file:2: role 'a': allow.send must be a list of texts\n");
  EXPECT_EQ(wrong_with("[roles.a]\nallow.send = [1]\n"), "file:2: role 'a': allow.send must be a list of texts\n");
  EXPECT_EQ(wrong_with("[roles.a]\n\nallows.send = []\n"),
            "file:3: role 'a': 'allows' is not known: a role has allow and deny\n");
  EXPECT_EQ(wrong_with("[role.a]\n"), "file:1: 'role' is not known: a file has [roles.NAME] and [principals]\n");
  EXPECT_EQ(wrong_with("[roles.a]\nallow.send = [\"x\"]\nallow.send = [\"y\"]\n").substr(0, 7), "file:3:");
  EXPECT_EQ(wrong_with("[principals]\n\"a*b\" = []\n"),
            "file:2: principal 'a*b': must be visible ASCII, and an asterisk may only end it\n");
  EXPECT_EQ(wrong_with("[principals]\n\"\" = []\n").substr(0, 7), "file:2:");
  EXPECT_EQ(wrong_with("[roles.\"a b\"]\n").substr(0, 14), "file:1: 'a b':");
  EXPECT_EQ(wrong_with("roles = 1\nprincipals = 2\n"),
            "file:1: roles must be a table\nfile:2: principals must be a table\n");
  EXPECT_EQ(wrong_with("x = " + std::string(40, '[') + std::string(40, ']')), "file:1: nested deeper than 32\n");
}

TEST(Permissions, RefusesBadPatterns) {
  const std::pair<const char*, const char*> rows[] = {
      {"", "a pattern is empty"},
      {"a*b", "an asterisk may only end a pattern"},
      {"**", "an asterisk may only end a pattern"},
      {"*a", "an asterisk may only end a pattern"},
      {"a b", "a pattern must be visible ASCII"},
      {"\u00e4", "a pattern must be visible ASCII"},
      {"%", "% must be followed by p or %"},
      {"%u", "% must be followed by p or %"},
      {"a%", "% must be followed by p or %"},
      {"%*", "% must be followed by p or %"},
      {"%p/%p", "%p may stand in a pattern once"},
      // With this one, whoever is called `al` has what is alice's.
      {"%p*", "between %p and the asterisk there must be a separator, as in %p/*"},
      {"%px*", "between %p and the asterisk there must be a separator, as in %p/*"},
  };
  for (const auto& [pattern, wrong] : rows) EXPECT_EQ(RuleList().add(pattern), wrong) << pattern;
  EXPECT_NE(RuleList().add(std::string(600, 'a')), "");
  EXPECT_EQ(RuleList().add("%%p*"), "");
  EXPECT_EQ(RuleList().add("%p/*"), "");
}

}  // namespace
}  // namespace onehop::identity
