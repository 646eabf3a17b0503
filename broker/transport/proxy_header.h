// The PROXY protocol's header, versions 1 and 2, by which a balancer says who connected to it
// (HAProxy's proxy-protocol.txt). Pure: bytes in, a verdict out; nothing is guessed.
//
//   version 1   PROXY TCP4|TCP6 SOURCE DESTINATION PORT PORT \r\n, or PROXY UNKNOWN … \r\n; at most 107 bytes
//   version 2   12 bytes of signature | version and command | family and transport | length (2) | addresses | TLVs
//
// What is taken is stricter than what the text allows where nobody needs the rest: datagrams over a stream are refused,
// and so is more than 4 KiB behind the fixed part of version 2.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/bytes.h"

namespace onehop::transport {

// The longest header taken.
inline constexpr size_t kProxyHeaderBytesMax = 16 + 4096;

struct ProxyHeader {
  enum class Source : uint8_t {
    kItself,  // The balancer, as for its health checks, or somebody it does not name: the connection's own addresses.
    kAddress,
    kUnix,
  };
  size_t size = 0;  // What follows is the connection's own.
  Source source = Source::kItself;
  // IPv6; an IPv4 one stands there as ::ffff:a.b.c.d. The port is in the host's order.
  std::array<uint8_t, 16> address{};
  uint16_t port = 0;
  // Who the balancer says the client has proved to be: the common name of a certificate that the balancer verified in
  // its own TLS handshake. Empty: it says nothing of the kind. Part of the bytes that were read.
  core::Bytes certificate_name;
};

enum class ProxyRead : uint8_t {
  kNeedMore,  // It may become a header.
  kHeader,
  kBroken,  // It never will.
};

// Reads the header at the beginning of `bytes`, which are all that has come so far. `wrong` says what is broken. What
// follows a complete header changes nothing.
ProxyRead read_proxy_header(core::Bytes bytes, ProxyHeader& header, core::Bytes& wrong);

}  // namespace onehop::transport
