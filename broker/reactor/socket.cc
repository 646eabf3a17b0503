// The socket on uv_poll_t, with our own recv and sendmsg (docs/adr/001-socket-handle.md).
//
// A change of interest costs two system calls in libuv 1.44 (epoll DEL at once, ADD before the next sleep). So
// additions and writability are armed once, at the end of a callback; reading that was turned off stays armed until the
// next event shows that it should not: a pause shorter than that costs nothing.
#include "reactor/socket.h"

#include <sys/socket.h>

#include <cassert>
#include <cerrno>

namespace onehop::reactor {

// What makes libuv's pointer to the first member a pointer to the whole.
static_assert(std::is_standard_layout_v<Socket>);

namespace {

IoResult failed() {
  const int error = errno;
  if (error == EAGAIN || error == EWOULDBLOCK) return {IoResult::Status::kWouldBlock};
  return {IoResult::Status::kError, error};
}

IoResult send_pieces(int fd, const iovec* pieces, int count) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
  ssize_t size;
  do {
    size = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (size < 0 && errno == EINTR);
  if (size > 0) return {IoResult::Status::kTransferred, 0, static_cast<size_t>(size)};
  if (size == 0) return {IoResult::Status::kWouldBlock};
  return failed();
}

}  // namespace

Socket::Socket(Loop& loop, SocketHandler& handler) : handler_(&handler) {
  poll_.data = &loop;
}

Socket::~Socket() {
  assert(state_ == State::kUnopened);
}

int Socket::open(Fd fd) {
  hold(std::move(fd));
  return watch();
}

void Socket::hold(Fd fd) {
  check_thread();
  assert(state_ == State::kUnopened);
  fd_ = fd.release();
  state_ = State::kHeld;
  wanted_ = armed_ = 0;
}

int Socket::watch() {
  check_thread();
  assert(state_ == State::kHeld);
  const int status = uv_poll_init(static_cast<Loop*>(poll_.data)->uv(), &poll_, fd_);
  if (status != 0) {
    state_ = State::kUnopened;
    Fd(std::exchange(fd_, -1)).reset();
    return -status;
  }
  state_ = State::kOpen;
  if (wanted_ != 0) arm();
  return 0;
}

IoResult Socket::receive(std::span<char> into) const {
  assert(is_open());
  return reactor::receive(fd_, into);
}

IoResult receive(int fd, std::span<char> into) {
  assert(!into.empty());
  ssize_t size;
  do {
    size = ::recv(fd, into.data(), into.size(), 0);
  } while (size < 0 && errno == EINTR);
  if (size > 0) return {IoResult::Status::kTransferred, 0, static_cast<size_t>(size)};
  if (size == 0) return {IoResult::Status::kEndOfStream};
  return failed();
}

IoResult Socket::send(const iovec* pieces, int count) const {
  assert(is_open());
  return send_pieces(fd_, pieces, count);
}

IoResult send(int fd, std::string_view bytes) {
  const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  return send_pieces(fd, &piece, 1);
}

void Socket::set_reading(bool on) {
  check_thread();
  assert(is_open());
  if (!on) {
    wanted_ &= static_cast<uint8_t>(~UV_READABLE);
    return;
  }
  wanted_ |= UV_READABLE;
  if ((armed_ & UV_READABLE) == 0) arm();
}

void Socket::want_writable(bool on) {
  check_thread();
  assert(is_open());
  wanted_ = static_cast<uint8_t>(on ? wanted_ | UV_WRITABLE : wanted_ & ~UV_WRITABLE);
  if (((armed_ ^ wanted_) & UV_WRITABLE) != 0) arm();
}

void Socket::shutdown_write() const {
  assert(is_open());
  ::shutdown(fd_, SHUT_WR);  // It fails only on a connection that is gone, which the next receive tells.
}

void Socket::close() {
  release();
}

Fd Socket::release() {
  check_thread();
  assert(is_open());
  if (std::exchange(state_, State::kClosing) == State::kHeld) {
    Fd fd(std::exchange(fd_, -1));
    state_ = State::kUnopened;
    handler_->on_closed(*this);  // It may be the end of this object.
    return fd;
  }
  wanted_ = armed_ = 0;
  // uv_close takes the descriptor out of epoll and out of the events of the present batch before it returns; only the
  // handle's memory stays in use. So the descriptor, and its number, are free from here on.
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), [](uv_handle_t* handle) {
    auto* socket = reinterpret_cast<Socket*>(handle);
    socket->state_ = State::kUnopened;
    socket->handler_->on_closed(*socket);
  });
  return Fd(std::exchange(fd_, -1));
}

void Socket::on_event(uv_poll_t* poll, int status, int events) {
  reinterpret_cast<Socket*>(poll)->dispatch(status, static_cast<unsigned>(events));
}

void Socket::dispatch(int status, unsigned events) {
  if (status != 0) {
    // libuv reports any error of the socket as EBADF and stops watching. Whoever waits finds the true error by its
    // next call; if that call finds bytes first, it is asked again, because arm() below watches anew.
    armed_ = 0;
    events = wanted_;
  }
  const bool spurious = (events & UV_READABLE & ~static_cast<unsigned>(wanted_)) != 0;
  dispatching_ = true;
  if ((events & wanted_ & UV_READABLE) != 0) handler_->on_readable(*this);
  if (is_open() && (events & wanted_ & UV_WRITABLE) != 0) handler_->on_writable(*this);
  dispatching_ = false;
  if (!is_open()) return;
  if (spurious || (wanted_ & ~armed_) != 0 || ((armed_ ^ wanted_) & UV_WRITABLE) != 0) arm();
}

void Socket::arm() {
  if (dispatching_ || state_ == State::kHeld) return;  // dispatch() or watch() does it once, at its end.
  armed_ = wanted_;
  // It fails only for a descriptor that another handle of this loop watches, which an owned descriptor never is.
  const int status = wanted_ == 0 ? uv_poll_stop(&poll_) : uv_poll_start(&poll_, wanted_, on_event);
  assert(status == 0);
  static_cast<void>(status);
}

void Socket::check_thread() const {
  assert(static_cast<const Loop*>(poll_.data)->in_loop_thread());
}

}  // namespace onehop::reactor
