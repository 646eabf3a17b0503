// See the header.
#include "plain_sockets.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstdio>
#include <stdexcept>

namespace onehop::test {

int checked(int result, const char* what) {
  if (result < 0) throw std::runtime_error(what);
  return result;
}

sockaddr_in parse_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (colon == std::string::npos || inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    throw std::invalid_argument("not an address and a port: " + text);
  }
  address.sin_port = htons(static_cast<uint16_t>(std::stoul(text.substr(colon + 1))));
  return address;
}

int listen_at(const std::string& text) {
  sockaddr_in address = parse_address(text);
  socklen_t size = sizeof address;
  const int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  checked(bind(fd, reinterpret_cast<const sockaddr*>(&address), size), "bind");
  checked(listen(fd, 4096), "listen");
  checked(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  std::printf("listening on tcp://%s:%d\n", text.substr(0, text.rfind(':')).c_str(), ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

void send_without_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void append_frame(std::string& out, const v1::Frame& frame) {
  uint64_t length = frame.ByteSizeLong();
  for (; length >= 0x80; length >>= 7) out.push_back(static_cast<char>(length | 0x80));
  out.push_back(static_cast<char>(length));
  frame.AppendToString(&out);
}

}  // namespace onehop::test
