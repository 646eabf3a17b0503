// TransportClient: see the header.
#include "transport_client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include "reactor/address.h"
#include "server_test/raw_client.h"

namespace onehop::test {

TransportClient::TransportClient(const std::string& address, std::unique_ptr<transport::Transport> transport,
                                 int receive_buffer_bytes, size_t piece_bytes)
    : piece_bytes_(piece_bytes), transport_(std::move(transport)) {
  std::string error;
  const auto to = reactor::numeric_address(reactor::Address::parse(address, error).value()).value();
  fd_ = ::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer_bytes != 0) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  }
  const int on = 1;
  if (!to.is_unix()) ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd_, to.get(), to.size()) != 0) throw std::runtime_error("cannot connect to " + address);
}

TransportClient::~TransportClient() {
  close();
}

void TransportClient::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

v1::Connected TransportClient::connect(const std::string& name) {
  send(connect_frame(name));
  return read_kind(v1::Frame::kConnected).connected();
}

void TransportClient::send_bytes(std::string_view stream) {
  while (end_ == SocketEnd::kNot && !stream.empty()) {
    const core::Iov piece{stream.data(), stream.size()};
    const size_t taken = transport_->write({&piece, 1});
    stream.remove_prefix(taken);
    if (taken == 0) turn();
  }
  while (end_ == SocketEnd::kNot && (!unsent_.empty() || !transport_->output().empty())) turn();
}

void TransportClient::send(const v1::Frame& frame) {
  send_bytes(wire(frame));
}

void TransportClient::send_but(const v1::Frame& frame, size_t kept) {
  const std::string stream = wire(frame);
  const core::Iov piece{stream.data(), stream.size()};
  if (transport_->write({&piece, 1}) != stream.size()) throw std::runtime_error("there is no room for a frame");
  while (!transport_->output().empty() || unsent_.size() > kept) {
    if (!send_output(kept)) wait();
  }
}

void TransportClient::send_kept() {
  send_bytes({});
}

size_t TransportClient::send_some(std::string_view stream) {
  const core::Iov piece{stream.data(), stream.size()};
  const size_t taken = transport_->write({&piece, 1});
  while (send_output(0)) {
  }
  return taken;
}

void TransportClient::send_raw(std::string_view bytes) const {
  if (::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
    throw std::runtime_error("the socket does not take what is sent past the transport");
  }
}

bool TransportClient::send_output(size_t kept) {
  for (core::Bytes output; !(output = transport_->output()).empty();) {
    unsent_.append(output);
    transport_->output_written(output.size());
  }
  if (unsent_.size() <= kept || end_ != SocketEnd::kNot) return false;
  const size_t most = std::min(piece_bytes_, unsent_.size() - kept);
  const ssize_t size = ::send(fd_, unsent_.data(), most, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (size > 0) unsent_.erase(0, static_cast<size_t>(size));
  if (size < 0 && errno != EAGAIN) unsent_.clear();  // Nobody takes it any more; what was said before is still read.
  return size > 0;
}

bool TransportClient::receive() {
  std::string space(piece_bytes_, '\0');
  const ssize_t size = ::recv(fd_, space.data(), space.size(), MSG_DONTWAIT);
  if (size > 0) {
    transport_->take_input({space.data(), static_cast<size_t>(size)});
  } else if (size == 0) {
    end_ = SocketEnd::kOrderly;
    if (transport_->state() == State::kOpen) transport_->end_input();
  } else if (errno == EAGAIN) {
    return false;
  } else {
    end_ = SocketEnd::kBroken;
  }
  for (size_t taken; (taken = transport_->read(space)) != 0;) received_.append(space, 0, taken);
  return true;
}

void TransportClient::turn() {
  const bool sent = send_output(0);
  const bool received = receive();
  if (!sent && !received) wait();
}

void TransportClient::wait() const {
  pollfd poll_fd{fd_, static_cast<short>(unsent_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
  ::poll(&poll_fd, 1, -1);
}

std::optional<v1::Frame> TransportClient::take() {
  uint64_t length = 0;
  const char* end = received_.data() + received_.size();
  const char* body = core::read_varint(received_.data(), end, core::kVarintBytesMax, length);
  if (body == nullptr || static_cast<uint64_t>(end - body) < length) return std::nullopt;
  v1::Frame frame;
  if (!frame.ParseFromArray(body, static_cast<int>(length))) {
    throw std::runtime_error("the broker sent a frame that does not parse");
  }
  received_.erase(0, static_cast<size_t>(body - received_.data()) + length);
  return frame;
}

std::optional<v1::Frame> TransportClient::read() {
  for (;;) {
    if (std::optional<v1::Frame> frame = take()) return frame;
    if (end_ != SocketEnd::kNot) return std::nullopt;
    turn();
  }
}

v1::Frame TransportClient::read_kind(v1::Frame::KindCase kind) {
  for (;;) {
    const std::optional<v1::Frame> frame = read();
    if (!frame) throw std::runtime_error("the stream ended where a frame was to come");
    if (frame->kind_case() == kind) return *frame;
    if (frame->has_goodbye()) throw std::runtime_error("goodbye: " + frame->goodbye().text());
  }
}

std::vector<v1::Frame> TransportClient::read_to_end() {
  std::vector<v1::Frame> frames;
  while (std::optional<v1::Frame> frame = read()) frames.push_back(std::move(*frame));
  return frames;
}

v1::Goodbye TransportClient::read_goodbye() {
  const std::vector<v1::Frame> frames = read_to_end();
  if (frames.empty() || !frames.back().has_goodbye()) throw std::runtime_error("the stream ended without a goodbye");
  return frames.back().goodbye();
}

std::string TransportClient::read_raw_to_end() {
  std::string bytes;
  char space[256];
  for (ssize_t size; (size = ::recv(fd_, space, sizeof space, 0)) > 0;) bytes.append(space, static_cast<size_t>(size));
  return bytes;
}

void TransportClient::end_stream() {
  transport_->end();
  send_bytes({});
  end_writing();
}

void TransportClient::end_writing() const {
  ::shutdown(fd_, SHUT_WR);
}

std::string TransportClient::local_address() const {
  return reactor::SocketAddress::local_of(fd_).text();
}

}  // namespace onehop::test
