// One nonblocking stream connection on a loop. It never owns bytes: the owner reads into a buffer of its own and
// gathers its own output. A connection that rests costs sizeof(Socket) and one entry of libuv's table.
//
// libuv uses the handle's memory until a later turn of the loop, so the end has two steps: close() or release() now,
// SocketHandler::on_closed later (for one that was only held: before that call returns); only then may the Socket be
// destroyed, or opened again.
// A reset by the peer shows as a failed receive or send. While reading is off and nothing waits to be written it shows
// not at all: the owner keeps a deadline.
#pragma once

#include <sys/uio.h>
#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "reactor/fd.h"
#include "reactor/loop.h"

namespace onehop::reactor {

class Socket;

// What the owner of a socket is told, on the loop's thread. Every call may close the socket.
class SocketHandler {
 public:
  // Reading is on and there is something to receive: bytes, the end of the stream or an error. Comes again while there
  // is.
  virtual void on_readable(Socket& socket) = 0;
  // want_writable is on and the socket takes bytes again, or reports an error to the next send.
  virtual void on_writable(Socket& socket) = 0;
  // After close() or release(): the socket's memory is the owner's again.
  virtual void on_closed(Socket& socket) = 0;

 protected:
  ~SocketHandler() = default;
};

struct IoResult {
  enum class Status : uint8_t {
    kTransferred,  // `bytes`, more than none.
    kWouldBlock,
    kEndOfStream,  // Receiving only.
    kError,        // `error` is an errno value; the connection is of no further use.
  };
  Status status;
  int error = 0;
  size_t bytes = 0;

  bool transferred() const { return status == Status::kTransferred; }
  bool would_block() const { return status == Status::kWouldBlock; }
};

// Receives from, and sends to, a nonblocking stream socket. What was not sent is the caller's to offer again.
IoResult receive(int fd, std::span<char> into);
IoResult send(int fd, std::string_view bytes);

// All methods: the loop's thread only.
class Socket {
 public:
  Socket(Loop& loop, SocketHandler& handler);
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();

  // Takes a connected stream socket and makes it nonblocking. Reading is off. Returns 0, or the errno value why the
  // loop cannot watch it (the descriptor is closed then, and on_closed will not come).
  [[nodiscard]] int open(Fd fd);
  // The same in two steps, for a connection that may not stay: the loop hears of it only by watch(), which registers
  // it, and that costs more than to receive and send. The socket must be nonblocking already. If it is closed or
  // released before, on_closed comes before that call returns. watch() returns as open() does.
  void hold(Fd fd);
  [[nodiscard]] int watch();
  bool is_open() const { return state_ == State::kOpen || state_ == State::kHeld; }
  int fd() const { return fd_; }  // -1 when not open.

  IoResult receive(std::span<char> into) const;
  // One gathered write. What it did not take is the owner's to offer again. At most IOV_MAX (1,024) pieces.
  IoResult send(const iovec* pieces, int count) const;

  void set_reading(bool on);
  bool reading() const { return (wanted_ & UV_READABLE) != 0; }
  void want_writable(bool on);

  // Tells the peer that nothing more comes. Receiving goes on.
  void shutdown_write() const;

  // Closes now. What the peer sent and nobody has received makes the kernel reset the connection, which may destroy
  // what was sent last: LingeringClose is for ends with a last word.
  void close();
  // Takes the descriptor out of the loop, for another loop or LingeringClose. It may be used at once.
  Fd release();

 private:
  enum class State : uint8_t { kUnopened, kHeld, kOpen, kClosing };

  static void on_event(uv_poll_t* poll, int status, int events);
  void dispatch(int status, unsigned events);
  void arm();
  void check_thread() const;

  // First, so that libuv's pointer to it is also ours; its `data` holds the Loop.
  uv_poll_t poll_;
  SocketHandler* const handler_;
  int fd_ = -1;
  State state_ = State::kUnopened;
  uint8_t wanted_ = 0;  // UV_READABLE, UV_WRITABLE: what the owner asked for
  uint8_t armed_ = 0;   // … and what libuv watches for, which may be more: see set_reading.
  bool dispatching_ = false;
};

static_assert(sizeof(Socket) <= 176, "every connection pays for this");

}  // namespace onehop::reactor
