// One connection of the admin port: requests in, answers out, one after the other.
//
// Bounds: at most 16 KiB are read ahead; while an answer waits for its reader nothing is read and nothing answered; one
// request is answered in a turn of the loop. Deadlines are absolute: a request must be whole, and its answer taken, 5 s
// after it began; between requests a connection may rest for 60 s.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "admin/http_answer.h"
#include "admin/http_request.h"
#include "reactor/fd.h"
#include "reactor/lingering_close.h"
#include "reactor/loop.h"
#include "reactor/socket.h"

namespace onehop::admin {

class Connection;

class ConnectionOwner {
 public:
  virtual Answer answer(const Request& request) = 0;
  // The connection may be destroyed, in this call also.
  virtual void on_closed(Connection& connection) = 0;

 protected:
  ~ConnectionOwner() = default;
};

// All methods: the loop's thread only.
class Connection final : private reactor::SocketHandler {
 public:
  static constexpr uint64_t kRequestMsMax = 5'000;
  static constexpr uint64_t kRestMsMax = 60'000;

  // Ends with a last word are left to `endings`.
  Connection(reactor::Loop& loop, reactor::LingeringClose& endings, ConnectionOwner& owner);

  // False: the loop cannot watch it; on_closed does not come.
  [[nodiscard]] bool open(reactor::Fd fd);
  void close();

  bool is_open() const { return socket_.is_open(); }
  uint64_t deadline_ms() const { return deadline_ms_; }
  // Since when it rests between two requests, or before the first; only while resting().
  bool resting() const { return is_open() && in_.empty() && out_.empty() && !reader_.begun(); }
  uint64_t resting_since_ms() const { return deadline_ms_ - kRestMsMax; }

 private:
  void on_readable(reactor::Socket& socket) override;
  void on_writable(reactor::Socket& socket) override;
  void on_closed(reactor::Socket& socket) override;

  void read_on();
  void answer(const Answer& answer, bool with_body, bool keep_alive);
  void write_on();
  void end();

  reactor::Loop& loop_;
  reactor::LingeringClose& endings_;
  ConnectionOwner& owner_;
  reactor::Socket socket_;
  RequestReader reader_;
  std::string in_;  // Received, and not read yet: requests that follow the one in work.
  std::string out_;
  size_t written_ = 0;  // Of out_.
  bool last_ = false;   // After this answer the connection ends.
  uint64_t deadline_ms_ = 0;
};

}  // namespace onehop::admin
