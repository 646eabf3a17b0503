// Numbers of principals: the same for one and the same as long as somebody holds it.
#include "server/principal_table.h"

#include <gtest/gtest.h>

namespace onehop::server {
namespace {

TEST(PrincipalTable, OnePrincipalHasOneNumberWhileItIsHeld) {
  PrincipalTable table;
  const auto alice = table.hold("alice");
  const auto bob = table.hold("bob");
  const auto alice_again = table.hold("alice");
  EXPECT_NE(alice.number, 0u);
  EXPECT_NE(alice.number, bob.number);
  EXPECT_EQ(alice.number, alice_again.number);
  EXPECT_EQ(*alice_again.text, "alice");
  EXPECT_EQ(table.size(), 2u);
  table.release(alice);
  EXPECT_EQ(table.hold("alice").number, alice_again.number);
  table.release(alice_again);
  table.release(alice_again);
  table.release(bob);
  EXPECT_EQ(table.size(), 0u);
}

TEST(PrincipalTable, NobodyInParticularHasNumberZero) {
  PrincipalTable table;
  const auto nobody = table.hold("");
  EXPECT_EQ(nobody.number, 0u);
  table.release(nobody);
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace onehop::server
