// The rule for names, byte by byte.
#include "core/base/name.h"

#include <gtest/gtest.h>

#include <string>

namespace onehop::core {
namespace {

TEST(Name, EveryByteIsAllowedOrNotWhereverItStands) {
  const std::string forbidden = "\"'\\`*>#+?,";
  for (int value = 0; value < 256; ++value) {
    const char byte = static_cast<char>(value);
    const bool allowed = value >= 0x21 && value <= 0x7E && forbidden.find(byte) == std::string::npos;
    EXPECT_EQ(is_valid_name(std::string(1, byte)), allowed && byte != '$') << value;
    EXPECT_EQ(is_valid_name(std::string("a") + byte), allowed) << value;
    EXPECT_EQ(is_valid_name(std::string("a") + byte + "z"), allowed) << value;
  }
}

TEST(Name, Length) {
  EXPECT_FALSE(is_valid_name(""));
  EXPECT_TRUE(is_valid_name("a"));
  EXPECT_TRUE(is_valid_name(std::string(255, 'a')));
  EXPECT_FALSE(is_valid_name(std::string(256, 'a')));
  EXPECT_FALSE(is_valid_name(std::string(254, 'a') + ","));
}

TEST(Name, RealisticOnes) {
  for (const char* name :
       {"bob", "device/17", "user:42@example.org", "a.b-c_d", "[x]{y}(z)", "50%|!;<=&^", "a$", "a~"}) {
    EXPECT_TRUE(is_valid_name(name)) << name;
  }
  for (const char* name : {"two words", "$system", "$", "a\n", "a>b", "room#1", "caf\xC3\xA9", "a\x7F", "what?"}) {
    EXPECT_FALSE(is_valid_name(name)) << name;
  }
}

TEST(Name, OnesTheBrokerMakesBeginWithATilde) {
  EXPECT_TRUE(is_valid_name("~7f3a"));
  EXPECT_TRUE(is_generated_name("~7f3a"));
  EXPECT_TRUE(is_generated_name("~"));
  EXPECT_FALSE(is_generated_name("a~"));
  EXPECT_FALSE(is_generated_name(""));
}

}  // namespace
}  // namespace onehop::core
