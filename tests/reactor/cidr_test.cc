// IP addresses and their ranges: what is read, what is refused, and who is in a range.
#include "reactor/cidr.h"

#include <gtest/gtest.h>
#include <sys/un.h>

#include <string>

namespace onehop::reactor {
namespace {

SocketAddress address_of(const std::string& host) {
  std::string error;
  const auto address =
      Address::parse("tcp://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":80", error);
  EXPECT_TRUE(address) << error;
  return *numeric_address(*address);
}

bool contains(const std::string& range, const std::string& host) {
  std::string error;
  const auto cidr = Cidr::parse(range, error);
  EXPECT_TRUE(cidr) << error;
  return cidr && cidr->contains(*IpAddress::of(address_of(host)));
}

TEST(Cidr, ContainsWhatItsPrefixSays) {
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.255.255"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(contains("10.1.2.128/25", "10.1.2.128"));
  EXPECT_FALSE(contains("10.1.2.128/25", "10.1.2.127"));
  EXPECT_TRUE(contains("127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(contains("127.0.0.1", "127.0.0.2"));
  EXPECT_TRUE(contains("127.0.0.1/32", "127.0.0.1"));
  EXPECT_TRUE(contains("fd00::/8", "fdff::1"));
  EXPECT_FALSE(contains("fd00::/8", "fe00::1"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::"));
  EXPECT_TRUE(contains("::1", "::1"));
}

TEST(Cidr, AnIpv4AddressIsTheSameInItsIpv6Form) {
  EXPECT_TRUE(contains("10.0.0.0/8", "::ffff:10.1.1.1"));
  EXPECT_TRUE(contains("::ffff:10.0.0.0/104", "10.1.1.1"));
  EXPECT_TRUE(contains("0.0.0.0/0", "1.2.3.4"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_FALSE(contains("0.0.0.0/0", "::1.2.3.4"));
  EXPECT_TRUE(contains("::/0", "1.2.3.4"));
  EXPECT_TRUE(contains("::/0", "2001:db8::1"));
}

TEST(Cidr, RefusesWhatIsNoRange) {
  for (const std::string text :
       {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/8/8", "10.0.0/8",
        "broker.example", "10.0.0.1/8", "fd00::1/8", "10.0.0.0 /8", "[::1]", "tcp://10.0.0.1", "10.0.0.1:80"}) {
    std::string error;
    EXPECT_FALSE(Cidr::parse(text, error)) << text;
    EXPECT_TRUE(error.starts_with("'" + text + "': ")) << error;
  }
  std::string error;
  EXPECT_FALSE(Cidr::parse(std::string("10.0.0.0\0", 9), error));
}

TEST(IpAddress, KeepsAddressesOfBothFamilies) {
  EXPECT_EQ("tcp://192.0.2.1:7", IpAddress::of(address_of("192.0.2.1"))->with_port(7).text());
  EXPECT_EQ("tcp://[2001:db8::1]:65535", IpAddress::of(address_of("2001:db8::1"))->with_port(65535).text());
  EXPECT_EQ("tcp://192.0.2.1:7", IpAddress::of(address_of("::ffff:192.0.2.1"))->with_port(7).text());
  EXPECT_FALSE(IpAddress::of(SocketAddress::unnamed_unix()));
  EXPECT_FALSE(IpAddress::of(SocketAddress()));
  EXPECT_EQ("unix://", SocketAddress::unnamed_unix().text());
}

}  // namespace
}  // namespace onehop::reactor
