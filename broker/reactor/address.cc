// Reading, writing and resolving addresses. Each refusal says which rule the text broke.
#include "reactor/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace onehop::reactor {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kTls = "tls://";
constexpr std::string_view kUnix = "unix://";
constexpr size_t kPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

std::nullopt_t refuse(std::string_view text, const std::string& why, std::string& error) {
  error = "address '" + std::string(text) + "': " + why;
  return std::nullopt;
}

bool read_port(std::string_view text, uint16_t& port) {
  if (text.empty()) return false;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, port);
  return problem == std::errc() && stop == end;
}

std::string host_and_port(const std::string& host, uint16_t port) {
  const bool bracketed = host.find(':') != std::string::npos;
  return (bracketed ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text, std::string& error) {
  Address address;
  if (text.starts_with(kUnix)) {
    address.path_ = text.substr(kUnix.size());
    if (!address.path_.starts_with('/')) return refuse(text, "a Unix socket is written unix:///path", error);
    if (address.path_.size() > kPathBytesMax) {
      return refuse(text, "the path is longer than " + std::to_string(kPathBytesMax) + " bytes", error);
    }
    if (address.path_.find('\0') != std::string::npos) return refuse(text, "the path holds a zero byte", error);
    return address;
  }
  if (text.starts_with(kTls)) return refuse(text, "there is no TLS here: it must begin with tcp:// or unix://", error);
  if (!text.starts_with(kTcp)) return refuse(text, "it must begin with tcp:// or unix://", error);
  return parse_tcp(text, kTcp.size(), error);
}

std::optional<Address> Address::parse_or_tls(std::string_view text, std::string& error) {
  if (!text.starts_with(kTls)) return parse(text, error);
  std::optional<Address> address = parse_tcp(text, kTls.size(), error);
  if (address) address->is_tls_ = true;
  return address;
}

std::optional<Address> Address::parse_tcp(std::string_view text, size_t scheme_size, std::string& error) {
  Address address;
  const std::string_view rest = text.substr(scheme_size);
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) {
    return refuse(text, "the port is missing: " + std::string(text.substr(0, scheme_size)) + "host:port", error);
  }
  if (!read_port(rest.substr(colon + 1), address.port_)) {
    return refuse(text, "the port must be a number from 0 to 65535", error);
  }
  std::string_view host = rest.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    in6_addr ignored;
    if (inet_pton(AF_INET6, std::string(host).c_str(), &ignored) != 1) {
      return refuse(text, "what stands in brackets is not an IPv6 address", error);
    }
  } else if (host.find_first_of(":[]/ ") != std::string_view::npos) {
    return refuse(text, "an IPv6 address stands in brackets, and nothing follows the port", error);
  }
  if (host.empty() || host.find('\0') != std::string_view::npos) return refuse(text, "the host is missing", error);
  address.host_ = host;
  return address;
}

std::string Address::text() const {
  if (is_unix()) return std::string(kUnix) + path_;
  return std::string(is_tls_ ? kTls : kTcp) + host_and_port(host_, port_);
}

SocketAddress::SocketAddress(const sockaddr* address, socklen_t size) : size_(size) {
  assert(size <= sizeof storage_);
  std::memcpy(&storage_, address, size);
}

SocketAddress SocketAddress::local_of(int fd) {
  SocketAddress address;
  address.size_ = sizeof address.storage_;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage_), &address.size_) != 0) return {};
  return address;
}

SocketAddress SocketAddress::peer_of(int fd) {
  SocketAddress address;
  address.size_ = sizeof address.storage_;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address.storage_), &address.size_) != 0) return {};
  return address;
}

SocketAddress SocketAddress::unnamed_unix() {
  SocketAddress address;
  address.storage_.ss_family = AF_UNIX;
  address.size_ = offsetof(sockaddr_un, sun_path);
  return address;
}

uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  return 0;
}

std::string SocketAddress::path() const {
  constexpr size_t kHead = offsetof(sockaddr_un, sun_path);
  if (!is_unix() || size_ <= kHead) return {};
  const char* path = reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path;
  return {path, strnlen(path, size_ - kHead)};
}

std::string SocketAddress::text() const {
  if (is_unix()) return std::string(kUnix) + path();
  char host[INET6_ADDRSTRLEN] = "?";
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, host, sizeof host);
  } else if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, host, sizeof host);
  }
  return std::string(kTcp) + host_and_port(host, port());
}

std::optional<SocketAddress> numeric_address(const Address& address) {
  if (address.is_unix()) {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    std::copy(address.path().begin(), address.path().end(), un.sun_path);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.path().size() + 1);
    return SocketAddress(reinterpret_cast<const sockaddr*>(&un), size);
  }
  sockaddr_in v4{};
  if (inet_pton(AF_INET, address.host().c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port());
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, address.host().c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port());
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  return std::nullopt;
}

std::vector<SocketAddress> addresses_in(const addrinfo* answer, uint16_t port) {
  std::vector<SocketAddress> addresses;
  for (; answer != nullptr; answer = answer->ai_next) {
    sockaddr_storage storage{};
    std::memcpy(&storage, answer->ai_addr, answer->ai_addrlen);
    if (answer->ai_family == AF_INET) {
      reinterpret_cast<sockaddr_in*>(&storage)->sin_port = htons(port);
    } else if (answer->ai_family == AF_INET6) {
      reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = htons(port);
    } else {
      continue;
    }
    addresses.emplace_back(reinterpret_cast<const sockaddr*>(&storage), answer->ai_addrlen);
  }
  return addresses;
}

std::vector<SocketAddress> resolve(const Address& address, std::string& error) {
  if (const auto numeric = numeric_address(address)) return {*numeric};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* answer = nullptr;
  const int problem = getaddrinfo(address.host().c_str(), nullptr, &hints, &answer);
  if (problem != 0) {
    error = "cannot resolve '" + address.host() + "': " + gai_strerror(problem);
    return {};
  }
  std::vector<SocketAddress> addresses = addresses_in(answer, address.port());
  freeaddrinfo(answer);
  if (addresses.empty()) error = "'" + address.host() + "' has no IPv4 or IPv6 address";
  return addresses;
}

}  // namespace onehop::reactor
