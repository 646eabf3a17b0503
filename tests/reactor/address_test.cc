// What people may write as an address, what they are told about what they may not, and how it is written back.
#include "reactor/address.h"

#include <gtest/gtest.h>

namespace onehop::reactor {
namespace {

std::string round_trip(const std::string& text) {
  std::string error;
  const auto address = Address::parse(text, error);
  return address ? address->text() : "refused: " + error;
}

TEST(Address, IsWrittenBackAsItWasRead) {
  for (const char* text : {"tcp://127.0.0.1:7411", "tcp://[::1]:7411", "tcp://broker.example:0", "tcp://h:65535",
                           "unix:///run/onehop.sock"}) {
    EXPECT_EQ(text, round_trip(text));
  }
}

TEST(Address, HasParts) {
  std::string error;
  const auto tcp = Address::parse("tcp://[fe80::1]:80", error);
  ASSERT_TRUE(tcp);
  EXPECT_EQ("fe80::1", tcp->host());
  EXPECT_EQ(80, tcp->port());
  EXPECT_FALSE(tcp->is_unix());
  const auto unix_socket = Address::parse("unix:///tmp/a:b", error);
  ASSERT_TRUE(unix_socket);
  EXPECT_EQ("/tmp/a:b", unix_socket->path());
  EXPECT_TRUE(unix_socket->is_unix());
}

TEST(Address, IsRefusedWithTheReason) {
  const std::pair<const char*, const char*> refused[] = {
      {"", "must begin with"},
      {"127.0.0.1:7411", "must begin with"},
      {"http://x:1", "must begin with"},
      {"tcp://127.0.0.1", "port is missing"},
      {"tcp://h:", "0 to 65535"},
      {"tcp://h:65536", "0 to 65535"},
      {"tcp://h:-1", "0 to 65535"},
      {"tcp://h:80x", "0 to 65535"},
      {"tcp://:80", "host is missing"},
      {"tcp://::1:80", "stands in brackets"},
      {"tcp://[::1:80", "stands in brackets"},
      {"tcp://[127.0.0.1]:80", "not an IPv6 address"},
      {"tcp://[]:80", "not an IPv6 address"},
      {"tcp://h/path:80", "nothing follows"},
      {"unix://relative", "unix:///path"},
      {"unix://", "unix:///path"},
  };
  for (const auto& [text, reason] : refused) {
    std::string error;
    EXPECT_FALSE(Address::parse(text, error)) << text;
    EXPECT_NE(std::string::npos, error.find(reason)) << text << ": " << error;
    EXPECT_NE(std::string::npos, error.find("'" + std::string(text) + "'")) << error;
  }
  std::string error;
  EXPECT_TRUE(Address::parse("unix:///" + std::string(106, 'x'), error)) << error;
  EXPECT_FALSE(Address::parse("unix:///" + std::string(107, 'x'), error));
  EXPECT_NE(std::string::npos, error.find("longer than 107")) << error;
}

TEST(Address, ResolvesNumbersAndPathsAsTheyStand) {
  for (const char* text : {"tcp://127.0.0.1:7411", "tcp://[::1]:7411", "unix:///run/onehop.sock"}) {
    std::string error;
    const auto addresses = resolve(*Address::parse(text, error), error);
    ASSERT_EQ(1u, addresses.size()) << error;
    EXPECT_EQ(text, addresses[0].text());
  }
}

TEST(Address, ResolvesNames) {
  std::string error;
  const auto addresses = resolve(*Address::parse("tcp://localhost:7411", error), error);
  ASSERT_FALSE(addresses.empty()) << error;
  EXPECT_EQ(7411, addresses[0].port());
  EXPECT_TRUE(resolve(*Address::parse("tcp://no..such:1", error), error).empty());
  EXPECT_NE(std::string::npos, error.find("'no..such'")) << error;
}

}  // namespace
}  // namespace onehop::reactor
