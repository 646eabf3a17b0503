// What can be connected to.
#include "reactor/server_address.h"

#include <gtest/gtest.h>

namespace onehop::reactor {
namespace {

TEST(ServerAddress, IsAnAddressWithAPort) {
  std::string error;
  EXPECT_EQ("tcp://127.0.0.1:1", parse_server_address("tcp://127.0.0.1:1", error).value().text());
  EXPECT_EQ("unix:///path", parse_server_address("unix:///path", error).value().text());
  EXPECT_FALSE(parse_server_address("nonsense", error));
  EXPECT_NE(std::string::npos, error.find("nonsense")) << error;
}

TEST(ServerAddress, NobodyListensAtPort0) {
  std::string error;
  EXPECT_FALSE(parse_server_address("tcp://[::1]:0", error));
  EXPECT_EQ("address 'tcp://[::1]:0': nobody can connect to port 0", error);
}

}  // namespace
}  // namespace onehop::reactor
