// RawClient: see the header. A nonblocking socket and poll.
#include "server_test/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace onehop::test {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address parse_address(const std::string& text) {
  Address address;
  if (text.starts_with("unix://")) {
    auto* un = reinterpret_cast<sockaddr_un*>(&address.storage);
    un->sun_family = AF_UNIX;
    text.copy(un->sun_path, sizeof un->sun_path - 1, std::strlen("unix://"));
    address.size = sizeof *un;
    return address;
  }
  const size_t colon = text.rfind(':');
  std::string host = text.substr(std::strlen("tcp://"), colon - std::strlen("tcp://"));
  const auto port = htons(static_cast<uint16_t>(std::stoi(text.substr(colon + 1))));
  if (host.front() == '[') {
    host = host.substr(1, host.size() - 2);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = port;
    ::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr);
    address.size = sizeof *v6;
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = port;
    ::inet_pton(AF_INET, host.c_str(), &v4->sin_addr);
    address.size = sizeof *v4;
  }
  return address;
}

}  // namespace

v1::Frame connect_frame(const std::string& name) {
  v1::Frame frame;
  frame.mutable_connect()->set_name(name);
  frame.mutable_connect()->set_protocol_version(1);
  return frame;
}

v1::Frame message_frame(const std::string& client, uint64_t id, const std::string& payload) {
  v1::Frame frame;
  frame.mutable_message()->set_client(client);
  frame.mutable_message()->set_id(id);
  frame.mutable_message()->set_payload(payload);
  return frame;
}

v1::Frame confirmed_frame(const std::string& client, uint64_t id) {
  v1::Frame frame = message_frame(client, id, std::to_string(id));
  frame.mutable_message()->set_confirm(v1::CONFIRM_DELIVERED);
  return frame;
}

v1::Frame resume_frame(const std::string& client) {
  v1::Frame frame;
  frame.mutable_flow()->set_client(client);
  frame.mutable_flow()->set_state(v1::STATE_RESUME);
  return frame;
}

v1::Frame ping_frame(uint64_t nonce) {
  v1::Frame frame;
  frame.mutable_ping()->set_nonce(nonce);
  return frame;
}

v1::Frame goodbye_frame(v1::Code code) {
  v1::Frame frame;
  frame.mutable_goodbye()->set_code(code);
  return frame;
}

std::string delimited(std::string_view bytes) {
  std::string out;
  uint64_t length = bytes.size();
  for (; length >= 0x80; length >>= 7) out.push_back(static_cast<char>(length | 0x80));
  out.push_back(static_cast<char>(length));
  return out.append(bytes);
}

std::string wire(const v1::Frame& frame) {
  return delimited(frame.SerializeAsString());
}

std::vector<uint64_t> refused_ids(const std::vector<v1::Frame>& frames, v1::Reason reason) {
  std::vector<uint64_t> ids;
  for (const v1::Frame& frame : frames) {
    for (const v1::Receipt& receipt : frame.receipts().items()) {
      if (receipt.outcome() != v1::OUTCOME_REJECTED || receipt.reason() != reason) continue;
      for (uint64_t id = receipt.first_id(); id <= receipt.last_id(); ++id) ids.push_back(id);
    }
  }
  return ids;
}

std::vector<std::string> payloads(const std::vector<v1::Frame>& frames) {
  std::vector<std::string> texts;
  for (const v1::Frame& frame : frames) {
    if (frame.has_message()) texts.push_back(frame.message().payload());
  }
  return texts;
}

size_t count_kind(const std::vector<v1::Frame>& frames, v1::Frame::KindCase kind) {
  return static_cast<size_t>(
      std::count_if(frames.begin(), frames.end(), [kind](const v1::Frame& f) { return f.kind_case() == kind; }));
}

RawClient::RawClient(const std::string& address, int receive_buffer_bytes) {
  const Address to = parse_address(address);
  fd_ = ::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) fail("socket");
  if (receive_buffer_bytes != 0) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  }
  if (to.storage.ss_family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (::connect(fd_, to.get(), to.size) != 0) {
    const int error = errno;
    ::close(fd_);
    errno = error;
    fail("connect to " + address);
  }
}

RawClient::RawClient(RawClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      end_(other.end_),
      received_(std::move(other.received_)),
      taken_(std::exchange(other.taken_, 0)) {}

RawClient::~RawClient() {
  close();
}

void RawClient::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

v1::Connected RawClient::connect(const std::string& name, const std::function<void(v1::Connect&)>& edit) {
  v1::Frame frame = connect_frame(name);
  if (edit) edit(*frame.mutable_connect());
  send(frame);
  return read_kind(v1::Frame::kConnected).connected();
}

void RawClient::reset() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void RawClient::wait(short events) const {
  pollfd poll_fd{fd_, events, 0};
  while (::poll(&poll_fd, 1, -1) < 0) {
    if (errno != EINTR) fail("poll");
  }
}

size_t RawClient::send_some(std::string_view bytes) {
  if (end_ != End::kNot || bytes.empty()) return 0;
  const ssize_t size = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return size > 0 ? static_cast<size_t>(size) : 0;
}

void RawClient::send_bytes(std::string_view bytes) {
  while (!bytes.empty() && end_ == End::kNot) {
    const ssize_t size = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size > 0) {
      bytes.remove_prefix(static_cast<size_t>(size));
    } else if (errno == EAGAIN) {
      wait(POLLIN | POLLOUT);
      gather();
    } else {
      return gather();  // Nobody takes it any more; what was said before is still read.
    }
  }
}

void RawClient::gather() {
  char buffer[64 * 1024];
  while (end_ == End::kNot) {
    const ssize_t size = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size > 0) {
      received_.append(buffer, static_cast<size_t>(size));
    } else if (size == 0) {
      end_ = End::kOrderly;
    } else if (errno == EAGAIN || errno == EINTR) {
      return;
    } else {
      end_ = End::kBroken;
    }
  }
}

std::optional<v1::Frame> RawClient::take() {
  uint64_t length = 0;
  size_t at = taken_;
  for (unsigned shift = 0;; shift += 7) {
    if (at == received_.size()) return std::nullopt;
    const auto byte = static_cast<uint8_t>(received_[at++]);
    length |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) break;
  }
  if (received_.size() - at < length) return std::nullopt;
  v1::Frame frame;
  if (!frame.ParseFromArray(received_.data() + at, static_cast<int>(length))) {
    throw std::runtime_error("the broker sent a frame that does not parse");
  }
  taken_ = at + length;
  if (taken_ == received_.size() || taken_ > (1u << 20)) {
    received_.erase(0, taken_);
    taken_ = 0;
  }
  return frame;
}

std::optional<v1::Frame> RawClient::read() {
  for (;;) {
    if (std::optional<v1::Frame> frame = take()) return frame;
    if (end_ != End::kNot) return std::nullopt;
    wait(POLLIN);
    gather();
  }
}

v1::Frame RawClient::read_kind(v1::Frame::KindCase kind) {
  for (;;) {
    const std::optional<v1::Frame> frame = read();
    if (!frame) throw std::runtime_error("the stream ended where a frame was to come");
    if (frame->kind_case() == kind) return *frame;
    if (frame->has_goodbye()) {
      throw std::runtime_error("goodbye " + v1::Code_Name(frame->goodbye().code()) + ": " + frame->goodbye().text());
    }
  }
}

std::vector<v1::Frame> RawClient::read_to_pong(uint64_t nonce) {
  send(ping_frame(nonce));
  std::vector<v1::Frame> frames;
  for (;;) {
    std::optional<v1::Frame> frame = read();
    if (!frame) throw std::runtime_error("the stream ended where a pong was to come");
    if (frame->kind_case() == v1::Frame::kPong && frame->pong().nonce() == nonce) return frames;
    frames.push_back(std::move(*frame));
  }
}

std::vector<v1::Frame> RawClient::read_to_end() {
  std::vector<v1::Frame> frames;
  while (std::optional<v1::Frame> frame = read()) frames.push_back(std::move(*frame));
  return frames;
}

v1::Goodbye RawClient::read_goodbye() {
  const std::vector<v1::Frame> frames = read_to_end();
  if (frames.empty() || !frames.back().has_goodbye()) {
    throw std::runtime_error(end_ == End::kBroken ? "reset, and no goodbye" : "the stream ended without a goodbye");
  }
  return frames.back().goodbye();
}

void RawClient::end_writing() const {
  ::shutdown(fd_, SHUT_WR);
}

std::string RawClient::local_address() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size);
  if (storage.ss_family == AF_UNIX) return "unix://";
  const bool v6 = storage.ss_family == AF_INET6;
  const auto& in6 = reinterpret_cast<const sockaddr_in6&>(storage);
  const auto& in4 = reinterpret_cast<const sockaddr_in&>(storage);
  char host[INET6_ADDRSTRLEN];
  ::inet_ntop(storage.ss_family, v6 ? static_cast<const void*>(&in6.sin6_addr) : &in4.sin_addr, host, sizeof host);
  const std::string port = std::to_string(ntohs(v6 ? in6.sin6_port : in4.sin_port));
  return v6 ? "tcp://[" + std::string(host) + "]:" + port : "tcp://" + std::string(host) + ":" + port;
}

}  // namespace onehop::test
