// The configuration file: what is read, and what is said of each thing that is wrong.
#include "daemon/config_file.h"

#include <gtest/gtest.h>

namespace onehop::daemon {
namespace {

using Problems = std::vector<std::string>;

Problems problems_of(std::string_view text) {
  Problems problems;
  parse_config_file(text, "f.toml", problems);
  return problems;
}

TEST(ConfigFile, ValuesOfEachType) {
  Problems problems;
  const auto entries = parse_config_file(
                           "# A comment.\npin = true\nqueue_bytes_max = 8_388_608\n\nlog_level = 'warn'\nlisten = [\n  "
                           "'unix:///a',\n]\n",
                           "f", problems)
                           .entries;
  EXPECT_EQ(Problems(), problems);
  ASSERT_EQ(4u, entries.size());
  EXPECT_EQ(Value(true), entries[0].value);
  EXPECT_EQ(Value(uint64_t{8'388'608}), entries[1].value);
  EXPECT_EQ(3u, entries[1].line);
  EXPECT_EQ(Value(std::string("warn")), entries[2].value);
  EXPECT_EQ(Value(std::vector<std::string>{"unix:///a"}), entries[3].value);
  EXPECT_EQ(find_setting("listen"), entries[3].setting);
}

TEST(ConfigFile, AnEmptyOneIsFine) {
  EXPECT_EQ(Problems(), problems_of(""));
}

TEST(ConfigFile, EachProblemIsToldWithItsLine) {
  EXPECT_EQ(Problems({"f.toml:1: colour: there is no such setting", "f.toml:2: pin: must be true or false",
                      "f.toml:4: shards: must be a whole number, 0 to 64, not 65",
                      "f.toml:5: acl_file: there is no such setting", "f.toml:6: table: there is no such setting"}),
            problems_of("colour = 1\npin = 1\n\nshards = 65\nacl_file = 'key'\n[table]\nshards = 1\n"));
}

TEST(ConfigFile, WrongTypes) {
  for (const std::string_view text : {"shards = -1", "shards = 1.0", "shards = '1'", "shards = [1]", "shards = true",
                                      "shards = 1979-05-27", "shards.x = 1"}) {
    EXPECT_EQ(Problems({"f.toml:1: shards: must be a whole number, 0 to 64"}), problems_of(text)) << text;
  }
  for (const std::string_view text : {"listen = 'unix:///a'", "listen = [1]", "listen = [['a']]", "listen = 1"}) {
    EXPECT_EQ(Problems({"f.toml:1: listen: must be a list of texts"}), problems_of(text)) << text;
  }
  EXPECT_EQ(Problems({"f.toml:1: pin: must be true or false"}), problems_of("pin = -1"));
  EXPECT_EQ(Problems({"f.toml:1: admin: must be a text"}), problems_of("admin = 1"));
}

TEST(ConfigFile, WhatIsNoToml) {
  for (const std::string text : {"\nshards", "\nshards =", "\nshards = 1\nshards = 2", "\n[", "\nadmin = 'a", "\n= 1",
                                 "\nshards = 99999999999999999999", "\nadmin = \"\\x\""}) {
    const Problems problems = problems_of(text);
    ASSERT_EQ(1u, problems.size()) << text;
    EXPECT_TRUE(problems[0].starts_with("f.toml:2: ") || problems[0].starts_with("f.toml:3: ")) << problems[0];
  }
  EXPECT_EQ(1u, problems_of("\n\xff").size());
}

std::string repeated(size_t times, std::string_view text) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

// The parser's own recursion would end the program.
TEST(ConfigFile, WhatNestsVeryDeepIsRefused) {
  constexpr size_t kDeep = 40'000;
  const std::string key = "\nb" + repeated(kDeep, ".b") + " = 1";
  for (const std::string& text : {key, "[a" + repeated(kDeep, ".a") + "]", "[[a" + repeated(kDeep, ".a") + "]]",
                                  "a" + repeated(kDeep, " . 'a'") + " = 1", "a = " + repeated(kDeep, "["),
                                  "a = " + repeated(kDeep, "{a="), "a = " + repeated(kDeep, "[{a="),
                                  "a = [\n" + repeated(kDeep, "[\n"), "a = {b" + repeated(kDeep, ".b") + " = 1}",
                                  // Behind texts that end in another place than it seems.
                                  R"(a = "\"" # ')" + key, R"(a = "\\" # ")" + key, R"(a = """a""""")" + key,
                                  R"(a = """\"""")" + key, R"(a = '''a'''' )" + key, "a = ''" + key, R"(a = '\')" + key,
                                  R"(a = """""" # ")" + key, "# 'a" + key, "a = '''\n\"'''" + key}) {
    const Problems problems = problems_of(text);
    ASSERT_EQ(1u, problems.size());
    EXPECT_TRUE(problems[0].ends_with(": nested deeper than 32")) << problems[0] << " of " << text.substr(0, 40);
  }
}

TEST(ConfigFile, TheLineOfWhatNestsTooDeepIsTold) {
  const std::string before = "# a\nadmin = \"\"\"\n\\\n\"\"\"\n";
  EXPECT_EQ(Problems({"f.toml:5: nested deeper than 32"}), problems_of(before + "a" + repeated(33, ".a") + " = 1"));
  EXPECT_EQ(Problems({"f.toml:5: a: there is no such setting"}),
            problems_of("# a\nadmin = \"\"\"\n\\\nnone\"\"\"\na" + repeated(32, ".a") + " = 1"));
}

// Dots and brackets in texts and comments nest nothing, and each statement counts for itself.
TEST(ConfigFile, WhatOnlyLooksDeepIsRead) {
  const std::string many = repeated(100, ".[{");
  EXPECT_EQ(Problems(),
            problems_of("# " + many + "\nproxy_from = [" + repeated(100, "'10.0.0.0/8', ") + "] # " + many));
  EXPECT_EQ(Problems({"f.toml:1: admin: must be a text"}), problems_of("admin = [\"" + many + "\"]"));
  EXPECT_EQ(Problems({"f.toml:1: a: there is no such setting"}), problems_of("a = '''\n" + many + "'\n'''"));
  std::string statements;
  for (int i = 0; i < 100; ++i) statements += "a.b" + std::to_string(i) + " = [1]\n";
  EXPECT_EQ(Problems({"f.toml:1: a: there is no such setting"}), problems_of(statements));
}

}  // namespace
}  // namespace onehop::daemon
