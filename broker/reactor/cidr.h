// IP addresses without ports, and ranges of them. An IPv4 address and the IPv6 address that stands for it
// (::ffff:a.b.c.d) are the same. Plain values: any thread may use them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "reactor/address.h"

namespace onehop::reactor {

struct IpAddress {
  std::array<uint8_t, 16> bytes{};  // IPv6; IPv4 as ::ffff:a.b.c.d.

  // The address without its port; nothing for a Unix socket.
  static std::optional<IpAddress> of(const SocketAddress& address);
  bool is_ipv4() const;
  SocketAddress with_port(uint16_t port) const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

class Cidr {
 public:
  // Reads `10.0.0.0/8`, `fd00::/8`, or a single address. Bits beyond the prefix must be zero: who writes them may mean
  // something else. On failure returns nothing and says in `error` what is wrong, naming the text.
  static std::optional<Cidr> parse(std::string_view text, std::string& error);

  bool contains(const IpAddress& address) const;

 private:
  IpAddress first_;
  unsigned bits_ = 0;
};

}  // namespace onehop::reactor
