// One connection of the admin port: requests in, answers out, one after the other.
//
// Bounds: at most 32 KiB are read ahead; while an answer waits for its reader nothing is read and nothing answered; one
// request is answered in a turn of the loop. Deadlines are absolute: a request must be whole, and its answer taken, 5 s
// after it began; between requests, and before the first, a connection may rest for 60 s.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "admin/http_answer.h"
#include "admin/http_request.h"
#include "admin/stream.h"
#include "reactor/fd.h"
#include "reactor/lingering_close.h"
#include "reactor/loop.h"
#include "reactor/socket.h"

namespace onehop::admin {

class Connection;

class ConnectionOwner {
 public:
  virtual Answer answer(const Request& request, const std::function<std::string()>& peer) = 0;
  virtual bool is_probe(const Request& request) const = 0;
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

  // What it is about, in the order in which it gives its place to a newcomer.
  enum class Doing : uint8_t {
    kResting,     // Between two requests.
    kUnfinished,  // Its request is not whole, or, on a new connection, has not begun.
    kAnswering,   // Its answer waits for its reader.
  };

  // Ends with a last word are left to `endings`. One `for_probes` answers one request, if it is a probe's. `transport`
  // is null for a plain connection.
  Connection(reactor::Loop& loop, reactor::LingeringClose& endings, ConnectionOwner& owner, bool for_probes,
             std::unique_ptr<transport::Transport> transport);

  // Answers at once what has come already. False: the loop cannot watch it; on_closed does not come.
  [[nodiscard]] bool open(reactor::Fd fd);
  void close();
  // Ends for the sake of a newcomer, and says so where an answer is due.
  void make_room();

  bool is_open() const { return socket_.is_open(); }
  bool for_probes() const { return for_probes_; }
  uint64_t deadline_ms() const { return deadline_ms_; }
  // Only while it is open.
  Doing doing() const;
  // Since when it does that; of an answer, since its request began.
  uint64_t since_ms() const { return since_ms_; }

 private:
  void on_readable(reactor::Socket& socket) override;
  void on_writable(reactor::Socket& socket) override;
  void on_closed(reactor::Socket& socket) override;

  void rest();
  void begin_request();
  void read_on();
  void answer(const Answer& answer, bool with_body, bool keep_alive);
  void write_on();
  void end();

  reactor::Loop& loop_;
  reactor::LingeringClose& endings_;
  ConnectionOwner& owner_;
  const bool for_probes_;
  reactor::Socket socket_;
  Stream stream_;  // Of the socket.
  RequestReader reader_;
  std::string in_;  // Received, and not read yet: requests that follow the one in work.
  std::string out_;
  size_t written_ = 0;  // Of out_.
  bool last_ = false;   // After this answer the connection ends.
  bool is_new_ = true;  // Its first request has not begun.
  uint64_t since_ms_ = 0;
  uint64_t deadline_ms_ = 0;
};

}  // namespace onehop::admin
