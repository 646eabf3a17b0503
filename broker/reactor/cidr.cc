// IpAddress and Cidr: see the header.
#include "reactor/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace onehop::reactor {
namespace {

constexpr std::array<uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// Bit 0 is the highest of the first byte.
bool bit(const IpAddress& address, unsigned number) {
  return (address.bytes[number / 8] >> (7 - number % 8) & 1) != 0;
}

std::optional<IpAddress> read_ip(const std::string& text, bool& ipv4) {
  IpAddress address;
  std::copy(kMapped.begin(), kMapped.end(), address.bytes.begin());
  ipv4 = inet_pton(AF_INET, text.c_str(), address.bytes.data() + kMapped.size()) == 1;
  if (ipv4) return address;
  if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

}  // namespace

std::optional<IpAddress> IpAddress::of(const SocketAddress& address) {
  IpAddress ip;
  if (address.family() == AF_INET) {
    std::copy(kMapped.begin(), kMapped.end(), ip.bytes.begin());
    std::memcpy(ip.bytes.data() + kMapped.size(), &reinterpret_cast<const sockaddr_in*>(address.get())->sin_addr, 4);
  } else if (address.family() == AF_INET6) {
    std::memcpy(ip.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address.get())->sin6_addr, 16);
  } else {
    return std::nullopt;
  }
  return ip;
}

bool IpAddress::is_ipv4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

SocketAddress IpAddress::with_port(uint16_t port) const {
  if (is_ipv4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, bytes.data() + kMapped.size(), 4);
    return {reinterpret_cast<const sockaddr*>(&v4), sizeof v4};
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
  return {reinterpret_cast<const sockaddr*>(&v6), sizeof v6};
}

std::optional<Cidr> Cidr::parse(std::string_view text, std::string& error) {
  const auto refuse = [&](const char* why) {
    error = "'" + std::string(text) + "': " + why;
    return std::nullopt;
  };
  const size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  Cidr cidr;
  bool ipv4 = false;
  const auto first = host.find('\0') == std::string::npos ? read_ip(host, ipv4) : std::nullopt;
  if (!first) return refuse("it must be an IPv4 or IPv6 address, or a range like 10.0.0.0/8");
  const unsigned bits_max = ipv4 ? 32 : 128;
  cidr.first_ = *first;
  cidr.bits_ = bits_max;
  if (slash != std::string_view::npos) {
    const std::string_view length = text.substr(slash + 1);
    const auto [stop, problem] = std::from_chars(length.data(), length.data() + length.size(), cidr.bits_);
    if (problem != std::errc() || stop != length.data() + length.size() || cidr.bits_ > bits_max) {
      return refuse(ipv4 ? "behind the slash stands a number from 0 to 32"
                         : "behind the slash stands a number from 0 to 128");
    }
  }
  if (ipv4) cidr.bits_ += 128 - 32;
  for (unsigned i = cidr.bits_; i < 128; ++i) {
    if (bit(cidr.first_, i)) return refuse("the address has bits beyond the range's length");
  }
  return cidr;
}

bool Cidr::contains(const IpAddress& address) const {
  const unsigned whole = bits_ / 8;
  if (!std::equal(first_.bytes.begin(), first_.bytes.begin() + whole, address.bytes.begin())) return false;
  if (bits_ % 8 == 0) return true;
  return ((first_.bytes[whole] ^ address.bytes[whole]) >> (8 - bits_ % 8)) == 0;
}

}  // namespace onehop::reactor
