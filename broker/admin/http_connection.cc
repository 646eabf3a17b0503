// Connection: see the header.
#include "admin/http_connection.h"

#include <array>
#include <utility>

#include "reactor/address.h"

namespace onehop::admin {

Connection::Connection(reactor::Loop& loop, reactor::LingeringClose& endings, ConnectionOwner& owner, bool for_probes,
                       std::unique_ptr<transport::Transport> transport)
    : loop_(loop),
      endings_(endings),
      owner_(owner),
      for_probes_(for_probes),
      socket_(loop, *this),
      stream_(socket_, std::move(transport)) {}

bool Connection::open(reactor::Fd fd) {
  if (socket_.open(std::move(fd)) != 0) return false;
  rest();
  socket_.set_reading(true);
  on_readable(socket_);
  return true;
}

Connection::Doing Connection::doing() const {
  if (!out_.empty()) return Doing::kAnswering;
  return is_new_ || !in_.empty() || reader_.begun() ? Doing::kUnfinished : Doing::kResting;
}

void Connection::rest() {
  since_ms_ = loop_.now_ms();
  deadline_ms_ = since_ms_ + kRestMsMax;
}

void Connection::begin_request() {
  is_new_ = false;
  since_ms_ = loop_.now_ms();
  deadline_ms_ = since_ms_ + kRequestMsMax;
}

void Connection::close() {
  socket_.close();
}

void Connection::make_room() {
  if (doing() != Doing::kUnfinished) return close();
  answer(error_answer(503, "others need the place of this connection, and its request is not whole"), true, false);
  if (is_open()) close();  // Even that is not taken.
}

void Connection::on_closed(reactor::Socket&) {
  owner_.on_closed(*this);
}

void Connection::on_readable(reactor::Socket&) {
  // Larger than what a transport can hold, so that one call takes everything. No event of the socket would tell of
  // bytes that were left in the transport.
  std::array<char, 2 * kHeadBytesMax> bytes;
  const reactor::IoResult result = stream_.receive(bytes);
  const bool all_written = stream_.flush();
  if (result.would_block()) return socket_.want_writable(!all_written);
  if (!result.transferred()) return close();
  if (is_new_ || doing() == Doing::kResting) begin_request();
  in_.append(bytes.data(), result.bytes);
  read_on();
}

// Reads at most one request and answers it.
void Connection::read_on() {
  size_t taken = 0;
  const RequestReader::State state = reader_.read(in_, taken);
  in_.erase(0, taken);
  if (state == RequestReader::State::kNeedMore) return socket_.set_reading(true);
  socket_.set_reading(false);
  if (state == RequestReader::State::kRefused) {
    return answer(error_answer(reader_.status(), reader_.why()), true, false);
  }
  const Request& request = reader_.request();
  if (for_probes_ && !owner_.is_probe(request)) {
    return answer(error_answer(503, "there are too many connections"), request.method != Request::Method::kHead, false);
  }
  const auto peer = [this] { return reactor::SocketAddress::peer_of(socket_.fd()).text(); };
  answer(owner_.answer(request, peer), request.method != Request::Method::kHead, request.keep_alive && !for_probes_);
}

void Connection::answer(const Answer& answer, bool with_body, bool keep_alive) {
  out_ = written(answer, with_body, keep_alive);
  written_ = 0;
  last_ = !keep_alive;
  write_on();
}

void Connection::write_on() {
  while (written_ < out_.size()) {
    const reactor::IoResult result = stream_.send(std::string_view(out_).substr(written_));
    if (result.would_block()) return socket_.want_writable(true);
    if (!result.transferred()) return close();
    written_ += result.bytes;
  }
  if (!stream_.flush()) return socket_.want_writable(true);
  out_ = {};
  if (last_) return end();
  reader_.next();
  in_.empty() ? rest() : begin_request();
  // What follows is read when the loop has turned to the others.
  socket_.want_writable(!in_.empty());
  socket_.set_reading(in_.empty());
}

void Connection::on_writable(reactor::Socket&) {
  if (!out_.empty()) return write_on();
  if (!stream_.flush()) return;
  socket_.want_writable(false);
  read_on();
}

void Connection::end() {
  std::unique_ptr<reactor::LastWords> words = stream_.end();
  endings_.take(socket_.release(), std::move(words));
}

}  // namespace onehop::admin
