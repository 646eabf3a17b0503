// Any bytes as a PROXY header: cut anywhere, the verdict is the same once it has fallen, and asks for more before; and
// what a line of version 1 says is what the system's own reader of addresses finds in it.
#include <arpa/inet.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "check.h"
#include "transport/proxy_header.h"

using onehop::core::Bytes;
using onehop::fuzz::require;
using onehop::transport::ProxyHeader;
using onehop::transport::ProxyRead;

namespace {

bool same(const ProxyHeader& a, const ProxyHeader& b) {
  return a.size == b.size && a.source == b.source && a.address == b.address && a.port == b.port;
}

void check_line(Bytes line, const ProxyHeader& header) {
  require(line.size() <= 107 && line.ends_with("\r\n"), "a line of version 1 is too long, or has no end");
  if (header.source == ProxyHeader::Source::kItself)
    return require(line.starts_with("PROXY UNKNOWN"), "nobody said so");
  require(header.source == ProxyHeader::Source::kAddress, "a line cannot name a Unix socket");
  const bool ipv6 = line.starts_with("PROXY TCP6 ");
  require(ipv6 || line.starts_with("PROXY TCP4 "), "a family that is not there");
  const std::string source(line.substr(11, line.find(' ', 11) - 11));
  uint8_t address[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  require(inet_pton(ipv6 ? AF_INET6 : AF_INET, source.c_str(), ipv6 ? address : address + 12) == 1,
          "an address that is none");
  require(std::memcmp(address, header.address.data(), 16) == 0, "another address than the system's");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes all(reinterpret_cast<const char*>(data), size);
  ProxyHeader header;
  Bytes wrong;
  const ProxyRead verdict = read_proxy_header(all, header, wrong);
  require((verdict == ProxyRead::kBroken) == !wrong.empty(), "a refusal without words, or words without one");
  if (verdict == ProxyRead::kNeedMore) {
    require(size < onehop::transport::kProxyHeaderBytesMax, "more is wanted than a header may have");
  }
  bool decided = false;
  for (size_t cut = 0; cut <= size; ++cut) {
    // In memory of its own, so that a byte read beyond is found.
    const std::string piece(all.substr(0, cut));
    ProxyHeader part;
    Bytes part_wrong;
    const ProxyRead read = read_proxy_header(piece, part, part_wrong);
    require(!decided || read == verdict, "a verdict changes with what follows");
    if (read == ProxyRead::kNeedMore) continue;
    require(read == verdict, "a verdict changes with what follows");
    decided = true;
    if (read != ProxyRead::kHeader) continue;
    require(part.size <= cut && same(part, header), "a header changes with what follows");
  }
  if (verdict != ProxyRead::kHeader) return 0;
  require(header.size <= onehop::transport::kProxyHeaderBytesMax, "a header is too long");
  if (all.starts_with("PROXY ")) check_line(all.substr(0, header.size), header);
  return 0;
}
