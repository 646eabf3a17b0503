// Where to listen or to connect: what people write (Address) and what the kernel takes (SocketAddress).
//   tcp://127.0.0.1:7411   tcp://[::1]:7411   tls://broker.example:7411   unix:///run/onehop.sock
// Everything here is a plain value: any thread may use it.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct addrinfo;

namespace onehop::reactor {

// An address as written: a host that may still be a name, or the path of a Unix domain socket.
class Address {
 public:
  // Reads `tcp://host:port` or `unix:///path`; an IPv6 host stands in brackets, a port is 0 to 65535. On failure
  // returns nothing and says in `error` what is wrong, naming the text.
  static std::optional<Address> parse(std::string_view text, std::string& error);
  // As parse(), and `tls://host:port` as well: for whoever speaks TLS there.
  static std::optional<Address> parse_or_tls(std::string_view text, std::string& error);

  bool is_tls() const { return is_tls_; }
  bool is_unix() const { return !path_.empty(); }
  const std::string& host() const { return host_; }  // Without brackets; empty for a Unix socket.
  uint16_t port() const { return port_; }
  const std::string& path() const { return path_; }  // Empty for TCP.

  // The text it was read from, in its canonical form.
  std::string text() const;

 private:
  static std::optional<Address> parse_tcp(std::string_view text, size_t scheme_size, std::string& error);

  bool is_tls_ = false;
  std::string host_;
  uint16_t port_ = 0;
  std::string path_;
};

// An address of the kernel's: IPv4 or IPv6 with a port, or a Unix path (empty for an unnamed peer).
class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const sockaddr* address, socklen_t size);

  // Where `fd` is bound, and who is at its other end; of family AF_UNSPEC if the kernel does not say.
  static SocketAddress local_of(int fd);
  static SocketAddress peer_of(int fd);

  // A peer that came through a Unix socket, and has no name there.
  static SocketAddress unnamed_unix();

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  int family() const { return storage_.ss_family; }
  bool is_unix() const { return family() == AF_UNIX; }
  uint16_t port() const;     // 0 for a Unix socket.
  std::string path() const;  // Empty for TCP.

  // `tcp://127.0.0.1:7411`, `tcp://[::1]:7411` or `unix:///path`: what Address::parse reads.
  std::string text() const;

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

// The kernel's address if `address` needs no name service: a Unix path or a numeric host.
std::optional<SocketAddress> numeric_address(const Address& address);

// The kernel's addresses of `address`, in the order to try them. A host name is looked up, which BLOCKS: for start-up
// only; ConnectAttempt looks up without blocking. On failure returns nothing and says why in `error`.
std::vector<SocketAddress> resolve(const Address& address, std::string& error);

// The addresses in an answer of getaddrinfo or uv_getaddrinfo, with `port` put in.
std::vector<SocketAddress> addresses_in(const addrinfo* answer, uint16_t port);

}  // namespace onehop::reactor
