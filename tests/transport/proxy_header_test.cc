// The PROXY header, as HAProxy and nginx write it, at every split, and every way to get it wrong.
#include "transport/proxy_header.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace onehop::transport {
namespace {

using core::Bytes;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string two_bytes(size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}
std::string version_2(uint8_t command, uint8_t family, const std::string& rest) {
  return kSignature + static_cast<char>(command) + static_cast<char>(family) + two_bytes(rest.size()) + rest;
}
std::string tlv(char type, const std::string& value) {
  return type + two_bytes(value.size()) + value;
}
const std::string kFour("\xC0\x00\x02\x01\x7F\x00\x00\x01\x9C\x40\x1C\xF3", 12);  // 192.0.2.1:40000 to 127.0.0.1:7411
const std::string kSix =
    std::string(15, '\0') + "\x01" + std::string(16, '\0') + "\x9C\x40\x1C\xF3";  // [::1]:40000 to [::]:7411

struct Result {
  ProxyRead read;
  ProxyHeader header;
  std::string wrong;
};
Result read(const std::string& bytes) {
  Result result;
  Bytes wrong;
  result.read = read_proxy_header(bytes, result.header, wrong);
  result.wrong = wrong;
  return result;
}

std::string source_of(const std::string& bytes) {
  const Result result = read(bytes);
  if (result.read != ProxyRead::kHeader) return result.read == ProxyRead::kBroken ? result.wrong : "more";
  if (result.header.source == ProxyHeader::Source::kItself) return "itself";
  if (result.header.source == ProxyHeader::Source::kUnix) return "unix";
  char text[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, result.header.address.data(), text, sizeof text);
  return std::string(text) + " " + std::to_string(result.header.port);
}

const std::vector<std::string> kGood = {
    "PROXY TCP4 192.0.2.1 127.0.0.1 40000 7411\r\n",
    "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
    "PROXY TCP6 2001:db8::1 ::1 1 7411\r\n",
    "PROXY UNKNOWN\r\n",
    "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
    version_2(0x21, 0x11, kFour),
    version_2(0x21, 0x11, kFour + tlv('\x04', "") + tlv('\x05', "unique")),
    version_2(0x21, 0x21, kSix),
    version_2(0x21, 0x31, std::string(216, '\0')),
    version_2(0x21, 0x00, ""),
    version_2(0x20, 0x00, ""),
    version_2(0x20, 0x11, kFour),
    version_2(0x20, 0xFF, "whatever"),
};

TEST(ProxyHeader, SaysWhereAConnectionComesFrom) {
  EXPECT_EQ("::ffff:192.0.2.1 40000", source_of(kGood[0]));
  EXPECT_EQ("::ffff:255.255.255.255 65535", source_of(kGood[1]));
  EXPECT_EQ("2001:db8::1 1", source_of(kGood[2]));
  EXPECT_EQ("itself", source_of(kGood[3]));
  EXPECT_EQ("itself", source_of(kGood[4]));
  EXPECT_EQ("::ffff:192.0.2.1 40000", source_of(kGood[5]));
  EXPECT_EQ("::ffff:192.0.2.1 40000", source_of(kGood[6]));
  EXPECT_EQ("::1 40000", source_of(kGood[7]));
  EXPECT_EQ("unix", source_of(kGood[8]));
  for (size_t i = 9; i < kGood.size(); ++i) EXPECT_EQ("itself", source_of(kGood[i]));
  EXPECT_EQ(107u, kGood[4].size());  // The longest there can be.
}

TEST(ProxyHeader, AsksForMoreAtEverySplitAndTakesNothingBeyond) {
  for (const std::string& good : kGood) {
    for (size_t size = 0; size < good.size(); ++size) {
      ASSERT_EQ(ProxyRead::kNeedMore, read(good.substr(0, size)).read) << good << " cut at " << size;
    }
    for (const std::string behind : {"", "\r\n", "PROXY ", "\x01"}) {
      const Result result = read(good + behind);
      ASSERT_EQ(ProxyRead::kHeader, result.read) << good;
      EXPECT_EQ(good.size(), result.header.size);
    }
  }
}

TEST(ProxyHeader, RefusesWhatIsNotOne) {
  for (const std::string bytes :
       {"G", "GET / HTTP/1.1\r\n", "PROXX", "proxy TCP4", "\x0A", "\r\n\r\n\r", "\x16\x03\x01"}) {
    EXPECT_EQ("no PROXY header, which must come first here", source_of(bytes));
  }
}

TEST(ProxyHeader, RefusesABrokenLine) {
  for (const std::string line : {"PROXY TCP4 192.0.2.1 127.0.0.1 40000\r\n",
                                 "PROXY TCP4 192.0.2.1 127.0.0.1 40000 7411 \r\n",
                                 "PROXY TCP4  192.0.2.1 127.0.0.1 40000 7411\r\n",
                                 "PROXY TCP4 192.0.2.1 127.0.0.1 40000 7411 1\r\n",
                                 "PROXY TCP4 192.0.2.01 127.0.0.1 40000 7411\r\n",
                                 "PROXY TCP4 192.0.2.256 127.0.0.1 40000 7411\r\n",
                                 "PROXY TCP4 192.0.2 127.0.0.1 40000 7411\r\n",
                                 "PROXY TCP4 192.0.2.1.1 127.0.0.1 40000 7411\r\n",
                                 "PROXY TCP4 192.0.2. 127.0.0.1 40000 7411\r\n",
                                 "PROXY TCP4 192.0.2.1 127.0.0.1 65536 7411\r\n",
                                 "PROXY TCP4 192.0.2.1 127.0.0.1 04000 7411\r\n",
                                 "PROXY TCP4 192.0.2.1 127.0.0.1 +400 7411\r\n",
                                 "PROXY TCP4 192.0.2.1 127.0.0.1 -1 7411\r\n",
                                 "PROXY TCP4 ::1 ::1 40000 7411\r\n",
                                 "PROXY TCP6 192.0.2.1 ::1 40000 7411\r\n",
                                 "PROXY TCP5 192.0.2.1 127.0.0.1 1 1\r\n",
                                 "PROXY UDP4 192.0.2.1 127.0.0.1 1 1\r\n",
                                 "PROXY UNKNOWNX\r\n",
                                 "PROXY \r\n",
                                 "PROXY TCP4\r\n",
                                 "PROXY TCP4 192.0.2.1 127.0.0.1 40000 7411\n",
                                 "PROXY TCP4 192.0.2.1 127.0.0.1 40000 7411\r\r\n",
                                 "PROXY TCP4 192.0.2.1\t127.0.0.1 40000 7411\r\n",
                                 "PROXY UNKNOWN \x80\r\n"}) {
    EXPECT_EQ(ProxyRead::kBroken, read(line).read) << line;
  }
  EXPECT_EQ(ProxyRead::kBroken, read(std::string("PROXY \0\r\n", 9)).read);
  // Without waiting for an end that comes too late.
  EXPECT_EQ(ProxyRead::kNeedMore, read("PROXY UNKNOWN " + std::string(91, 'x')).read);
  EXPECT_EQ("the PROXY header has no end", source_of("PROXY UNKNOWN " + std::string(92, 'x')));
  EXPECT_EQ("the PROXY header has no end", source_of("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n"));
}

TEST(ProxyHeader, ReadsIpv6AsTheSystemDoes) {
  for (const std::string text : {"::",
                                 "::1",
                                 "1::",
                                 "1:2:3:4:5:6:7:8",
                                 "1:2:3:4:5:6:7::",
                                 "::2:3:4:5:6:7:8",
                                 "fe80::1:2",
                                 "FE80::aBcD",
                                 "::ffff:1.2.3.4",
                                 "1:2:3:4:5:6:1.2.3.4",
                                 "1::1.2.3.4",
                                 "::1.2.3.4",
                                 "",
                                 ":",
                                 ":::",
                                 "1:",
                                 ":1",
                                 "1::2::3",
                                 "1:2:3:4:5:6:7",
                                 "1:2:3:4:5:6:7:8:9",
                                 "1:2:3:4:5:6:7:8::",
                                 "1:2:3:4::5:6:7:8",
                                 "12345::",
                                 "g::",
                                 "::1.2.3",
                                 "::1.2.3.4.5",
                                 "1.2.3.4::",
                                 "1:2:3:4:5:6:7:1.2.3.4",
                                 "::1.2.3.256",
                                 "::+1",
                                 "::-1",
                                 "::0x1",
                                 "::1%lo",
                                 "1: :2"}) {
    in6_addr address;
    const bool valid = inet_pton(AF_INET6, text.c_str(), &address) == 1;
    const Result result = read("PROXY TCP6 " + text + " ::1 1 2\r\n");
    EXPECT_EQ(valid, result.read == ProxyRead::kHeader) << text;
    if (valid) {
      EXPECT_EQ(0, std::memcmp(&address, result.header.address.data(), 16)) << text;
    }
  }
}

TEST(ProxyHeader, RefusesABrokenSecondVersionAsSoonAsItShows) {
  EXPECT_EQ("a PROXY header of an unknown version or command", source_of(kSignature + "\x11"));
  EXPECT_EQ("a PROXY header of an unknown version or command", source_of(kSignature + "\x22"));
  for (const char family : {'\x10', '\x12', '\x22', '\x32', '\x41', '\x01'}) {
    EXPECT_EQ("a PROXY header of an unknown family", source_of(kSignature + "\x21" + family));
  }
  EXPECT_EQ("the PROXY header is too short for its addresses", source_of(kSignature + "\x21\x11" + two_bytes(11)));
  EXPECT_EQ("the PROXY header is over 4 KiB", source_of(kSignature + "\x21\x11" + two_bytes(4097)));
  EXPECT_EQ("the PROXY header is over 4 KiB", source_of(kSignature + "\x20" + std::string(1, '\0') + two_bytes(4097)));
  EXPECT_EQ("the end of the PROXY header is broken", source_of(version_2(0x21, 0x11, kFour + "\x04")));
  EXPECT_EQ("the end of the PROXY header is broken",
            source_of(version_2(0x21, 0x11, kFour + std::string("\x04\x00\x02x", 4))));
  const std::string longest = version_2(0x21, 0x11, kFour + tlv('\x04', std::string(4096 - 15, 'x')));
  EXPECT_EQ(kProxyHeaderBytesMax, longest.size());
  EXPECT_EQ(ProxyRead::kHeader, read(longest).read);
}

// As HAProxy sends it with send-proxy-v2-ssl-cn.
TEST(ProxyHeader, TellsTheNameOfACertificateThatTheBalancerVerified) {
  const auto name = [](char flags, const std::string& failed, const std::string& tlvs) {
    const std::string bytes = version_2(0x21, 0x11, kFour + tlv('\x20', flags + failed + tlvs));
    const Result result = read(bytes);
    return result.read == ProxyRead::kHeader ? std::string(result.header.certificate_name) : result.wrong;
  };
  const std::string good(4, '\0'), bad("\0\0\0\1", 4);
  const std::string tlvs = tlv('\x21', "TLSv1.3") + tlv('\x22', "device-7");
  EXPECT_EQ("device-7", name(7, good, tlvs));
  EXPECT_EQ("device-7", name(3, good, tlvs));
  EXPECT_EQ("device-7", name(5, good, tlvs)) << "of an earlier connection of the session";
  EXPECT_EQ("", name(1, good, tlvs)) << "without a certificate";
  EXPECT_EQ("", name(7, bad, tlvs)) << "it was not verified";
  EXPECT_EQ("", name(7, good, tlv('\x21', "TLSv1.3")));
  EXPECT_EQ("what the PROXY header says of TLS is broken", name(7, good, tlvs + "\x22"));
  EXPECT_EQ("what the PROXY header says of TLS is broken", name(7, good, tlvs + std::string("\x22\0\2x", 4)));
  EXPECT_EQ("what the PROXY header says of TLS is broken", name(7, "", ""));
}

TEST(ProxyHeader, VerifiesAChecksumThatIsThere) {
  // CRC32c by the definition, bit by bit.
  const auto crc = [](const std::string& bytes) {
    uint32_t value = ~0u;
    for (const char byte : bytes) {
      value ^= static_cast<uint8_t>(byte);
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78u : 0u);
    }
    return ~value;
  };
  EXPECT_EQ(0xE3069283u, crc("123456789"));  // The check value of its catalogue.
  std::string bytes = version_2(0x21, 0x11, kFour + tlv('\x03', std::string(4, '\0')));
  EXPECT_EQ("the PROXY header's checksum is wrong", source_of(bytes));
  const uint32_t right = crc(bytes);
  bytes.replace(bytes.size() - 4, 4, two_bytes(right >> 16) + two_bytes(right & 0xffff));
  EXPECT_EQ("::ffff:192.0.2.1 40000", source_of(bytes));
  for (size_t i = 16; i < bytes.size(); ++i) {
    if (i >= 28 && i < 31) continue;  // Then it is another TLV.
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ("the PROXY header's checksum is wrong", source_of(changed)) << i;
  }
  EXPECT_EQ("the PROXY header's checksum is broken", source_of(version_2(0x21, 0x11, kFour + tlv('\x03', "abc"))));
}

}  // namespace
}  // namespace onehop::transport
