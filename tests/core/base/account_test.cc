// An account counts in its total as long as it lives.
#include "core/base/account.h"

#include <gtest/gtest.h>

namespace onehop::core {
namespace {

TEST(Account, CountsWhatItWasSetToLast) {
  uint64_t total = 100;
  {
    Account account(total);
    account.set(40);
    EXPECT_EQ(total, 140u);
    account.set(15);
    EXPECT_EQ(total, 115u);
    EXPECT_EQ(account.bytes(), 15u);
  }
  EXPECT_EQ(total, 100u);
}

}  // namespace
}  // namespace onehop::core
