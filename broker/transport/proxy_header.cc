// The PROXY header: see its own header.
#include "transport/proxy_header.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace onehop::transport {
namespace {

using core::Bytes;
using AddressBytes = std::array<uint8_t, 16>;

constexpr Bytes kBeginning1 = "PROXY ";
constexpr size_t kLineBytesMax1 = 107;
constexpr Bytes kSignature2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kFixedBytes2 = 16;
constexpr uint8_t kChecksumType = 0x03;
constexpr uint8_t kSslType = 0x20;
constexpr uint8_t kSslNameType = 0x22;
// Of the flags of kSslType: the client has shown a certificate, on this connection or on an earlier one of its session.
constexpr uint8_t kShownCertificate = 0x02 | 0x04;

uint8_t byte_at(Bytes bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}
uint16_t number_at(Bytes bytes, size_t at) {
  return static_cast<uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

ProxyRead broken(Bytes& wrong, Bytes text) {
  wrong = text;
  return ProxyRead::kBroken;
}

// Version 1.

// A decimal number without a sign or leading zeros.
std::optional<uint16_t> read_decimal(Bytes text) {
  uint16_t value = 0;
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

// Takes what stands before the next `separator`, and the separator; everything if there is none.
Bytes take_until(Bytes& text, char separator) {
  const Bytes taken = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), taken.size() + 1));
  return taken;
}

bool read_ipv4(Bytes text, uint8_t* out) {
  if (std::count(text.begin(), text.end(), '.') != 3) return false;
  for (int i = 0; i < 4; ++i) {
    const auto part = read_decimal(take_until(text, '.'));
    if (!part || *part > 255) return false;
    *out++ = static_cast<uint8_t>(*part);
  }
  return true;
}

// Colon-separated groups of an IPv6 address, the last of which may be written as an IPv4 one. Appends their bytes.
bool read_groups(Bytes text, bool last, AddressBytes& out, size_t& size) {
  while (!text.empty()) {
    const size_t before = text.size();
    const Bytes group = take_until(text, ':');
    if (text.empty() && before != group.size()) return false;  // A colon and nothing behind it.
    if (last && text.empty() && group.find('.') != Bytes::npos) {
      if (size > out.size() - 4 || !read_ipv4(group, out.data() + size)) return false;
      size += 4;
      continue;
    }
    uint16_t value = 0;
    const auto [stop, problem] = std::from_chars(group.data(), group.data() + group.size(), value, 16);
    if (group.empty() || group.size() > 4 || problem != std::errc() || stop != group.data() + group.size()) {
      return false;
    }
    if (size > out.size() - 2) return false;
    out[size++] = static_cast<uint8_t>(value >> 8);
    out[size++] = static_cast<uint8_t>(value);
  }
  return true;
}

bool read_ipv6(Bytes text, AddressBytes& out) {
  const size_t gap = text.find("::");
  size_t size = 0;
  if (gap == Bytes::npos) return read_groups(text, true, out, size) && size == out.size();
  AddressBytes tail{};
  size_t tail_size = 0;
  if (!read_groups(text.substr(0, gap), false, out, size) ||
      !read_groups(text.substr(gap + 2), true, tail, tail_size)) {
    return false;
  }
  if (size + tail_size > out.size() - 2) return false;  // The gap stands for one group at least.
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(size), out.end(), uint8_t{0});
  std::copy_n(tail.begin(), tail_size, out.end() - static_cast<std::ptrdiff_t>(tail_size));
  return true;
}

void map_ipv4(const uint8_t* four, AddressBytes& out) {
  out = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::copy_n(four, 4, out.begin() + 12);
}

bool read_address(Bytes text, bool ipv6, AddressBytes& out) {
  if (ipv6) return read_ipv6(text, out);
  uint8_t four[4];
  if (!read_ipv4(text, four)) return false;
  map_ipv4(four, out);
  return true;
}

// `line` without its end.
ProxyRead read_line(Bytes line, ProxyHeader& header, Bytes& wrong) {
  line.remove_prefix(kBeginning1.size());
  const Bytes family = take_until(line, ' ');
  if (family == "UNKNOWN") return ProxyRead::kHeader;
  if (family != "TCP4" && family != "TCP6") return broken(wrong, "a PROXY header of an unknown family");
  const bool ipv6 = family == "TCP6";
  const Bytes source = take_until(line, ' ');
  const Bytes destination = take_until(line, ' ');
  AddressBytes ignored{};
  if (!read_address(source, ipv6, header.address) || !read_address(destination, ipv6, ignored)) {
    return broken(wrong, "an address in the PROXY header is broken");
  }
  const auto source_port = read_decimal(take_until(line, ' '));
  if (!source_port || !read_decimal(line)) {
    return broken(wrong, "a port in the PROXY header is broken");
  }
  header.source = ProxyHeader::Source::kAddress;
  header.port = *source_port;
  return ProxyRead::kHeader;
}

ProxyRead read_version_1(Bytes bytes, ProxyHeader& header, Bytes& wrong) {
  const Bytes possible = bytes.substr(0, kLineBytesMax1);
  const auto end = std::find_if(possible.begin(), possible.end(), [](char c) { return c < ' ' || c > '~'; });
  const auto length = static_cast<size_t>(end - possible.begin());
  if (length + 2 > kLineBytesMax1) return broken(wrong, "the PROXY header has no end");
  if (length == possible.size()) return ProxyRead::kNeedMore;
  if (possible[length] != '\r') return broken(wrong, "a byte in the PROXY header is out of place");
  if (length + 1 == possible.size()) return ProxyRead::kNeedMore;
  if (possible[length + 1] != '\n') return broken(wrong, "a byte in the PROXY header is out of place");
  header.size = length + 2;
  return read_line(possible.substr(0, length), header, wrong);
}

// Version 2.

constexpr std::array<uint32_t, 256> make_crc32c_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? 0x82F63B78u : 0u);
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrc32cTable = make_crc32c_table();

// Of the header, with zeros where the checksum itself stands.
uint32_t checksum(Bytes header, size_t checksum_at) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < header.size(); ++i) {
    const uint8_t byte = i >= checksum_at && i < checksum_at + 4 ? uint8_t{0} : byte_at(header, i);
    crc = crc >> 8 ^ kCrc32cTable[(crc ^ byte) & 0xff];
  }
  return ~crc;
}

// Takes the first of the TLVs in `bytes`. False: it is cut off.
bool take_tlv(Bytes& bytes, uint8_t& type, Bytes& value) {
  if (bytes.size() < 3) return false;
  type = byte_at(bytes, 0);
  value = bytes.substr(3, number_at(bytes, 1));
  if (value.size() != number_at(bytes, 1)) return false;
  bytes.remove_prefix(3 + value.size());
  return true;
}

// What a balancer says of the client's TLS: flags (1), whether its certificate failed (4), and TLVs of its own. False:
// it is broken.
bool read_ssl(Bytes value, ProxyHeader& out) {
  if (value.size() < 5) return false;
  const bool verified = (byte_at(value, 0) & kShownCertificate) != 0 && value.substr(1, 4) == Bytes("\0\0\0\0", 4);
  value.remove_prefix(5);
  while (!value.empty()) {
    uint8_t type = 0;
    Bytes text;
    if (!take_tlv(value, type, text)) return false;
    if (type == kSslNameType && verified) out.certificate_name = text;
  }
  return true;
}

// The TLVs fill what is left of the header exactly; a checksum among them must be right.
ProxyRead read_extras(Bytes header, size_t at, ProxyHeader& out, Bytes& wrong) {
  while (at < header.size()) {
    if (header.size() - at < 3) return broken(wrong, "the end of the PROXY header is broken");
    const uint8_t type = byte_at(header, at);
    const size_t length = number_at(header, at + 1);
    at += 3;
    if (header.size() - at < length) return broken(wrong, "the end of the PROXY header is broken");
    if (type == kSslType && !read_ssl(header.substr(at, length), out)) {
      return broken(wrong, "what the PROXY header says of TLS is broken");
    }
    if (type == kChecksumType) {
      if (length != 4) return broken(wrong, "the PROXY header's checksum is broken");
      const uint32_t said = static_cast<uint32_t>(number_at(header, at)) << 16 | number_at(header, at + 2);
      if (checksum(header, at) != said) return broken(wrong, "the PROXY header's checksum is wrong");
    }
    at += length;
  }
  return ProxyRead::kHeader;
}

// The bytes of both addresses and ports, by family and transport; nothing for what cannot come over a stream.
std::optional<size_t> address_bytes(uint8_t family) {
  switch (family) {
    case 0x00:
      return 0;
    case 0x11:
      return 12;
    case 0x21:
      return 36;
    case 0x31:
      return 216;
    default:
      return std::nullopt;
  }
}

void take_addresses(Bytes header, uint8_t family, ProxyHeader& out) {
  const auto* source = reinterpret_cast<const uint8_t*>(header.data()) + kFixedBytes2;
  if (family == 0x11) {
    map_ipv4(source, out.address);
    out.port = number_at(header, kFixedBytes2 + 8);
    out.source = ProxyHeader::Source::kAddress;
  } else if (family == 0x21) {
    std::copy_n(source, out.address.size(), out.address.begin());
    out.port = number_at(header, kFixedBytes2 + 32);
    out.source = ProxyHeader::Source::kAddress;
  } else if (family == 0x31) {
    out.source = ProxyHeader::Source::kUnix;
  }
}

ProxyRead read_version_2(Bytes bytes, ProxyHeader& header, Bytes& wrong) {
  const size_t known = bytes.size();
  if (known > 12 && byte_at(bytes, 12) != 0x20 && byte_at(bytes, 12) != 0x21) {
    return broken(wrong, "a PROXY header of an unknown version or command");
  }
  const bool itself = known > 12 && byte_at(bytes, 12) == 0x20;
  const auto wanted = known > 13 ? address_bytes(byte_at(bytes, 13)) : std::optional<size_t>(0);
  if (!itself && !wanted) return broken(wrong, "a PROXY header of an unknown family");
  if (known < kFixedBytes2) return ProxyRead::kNeedMore;
  const size_t length = number_at(bytes, 14);
  if (kFixedBytes2 + length > kProxyHeaderBytesMax) return broken(wrong, "the PROXY header is over 4 KiB");
  if (!itself && length < *wanted) return broken(wrong, "the PROXY header is too short for its addresses");
  if (known < kFixedBytes2 + length) return ProxyRead::kNeedMore;
  header.size = kFixedBytes2 + length;
  if (itself) return ProxyRead::kHeader;  // Whatever else it says is to be skipped.
  const Bytes all = bytes.substr(0, header.size);
  take_addresses(all, byte_at(bytes, 13), header);
  return read_extras(all, kFixedBytes2 + *wanted, header, wrong);
}

bool agree(Bytes bytes, Bytes beginning) {
  const size_t size = std::min(bytes.size(), beginning.size());
  return bytes.substr(0, size) == beginning.substr(0, size);
}

}  // namespace

ProxyRead read_proxy_header(Bytes bytes, ProxyHeader& header, Bytes& wrong) {
  header = {};
  if (agree(bytes, kBeginning1)) return read_version_1(bytes, header, wrong);
  if (agree(bytes, kSignature2)) return read_version_2(bytes, header, wrong);
  return broken(wrong, "no PROXY header, which must come first here");
}

}  // namespace onehop::transport
