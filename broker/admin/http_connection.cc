// Connection: see the header.
#include "admin/http_connection.h"

#include <array>
#include <utility>

namespace onehop::admin {

Connection::Connection(reactor::Loop& loop, reactor::LingeringClose& endings, ConnectionOwner& owner)
    : loop_(loop), endings_(endings), owner_(owner), socket_(loop, *this) {}

bool Connection::open(reactor::Fd fd) {
  if (socket_.open(std::move(fd)) != 0) return false;
  deadline_ms_ = loop_.now_ms() + kRestMsMax;
  socket_.set_reading(true);
  return true;
}

void Connection::close() {
  socket_.close();
}

void Connection::on_closed(reactor::Socket&) {
  owner_.on_closed(*this);
}

void Connection::on_readable(reactor::Socket&) {
  std::array<char, kHeadBytesMax> bytes;
  const reactor::IoResult result = socket_.receive(bytes);
  if (result.would_block()) return;
  if (!result.transferred()) return close();
  if (resting()) deadline_ms_ = loop_.now_ms() + kRequestMsMax;
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
  answer(owner_.answer(request), request.method != Request::Method::kHead, request.keep_alive);
}

void Connection::answer(const Answer& answer, bool with_body, bool keep_alive) {
  out_ = written(answer, with_body, keep_alive);
  written_ = 0;
  last_ = !keep_alive;
  write_on();
}

void Connection::write_on() {
  while (written_ < out_.size()) {
    const iovec piece{out_.data() + written_, out_.size() - written_};
    const reactor::IoResult result = socket_.send(&piece, 1);
    if (result.would_block()) return socket_.want_writable(true);
    if (!result.transferred()) return close();
    written_ += result.bytes;
  }
  out_ = {};
  if (last_) return end();
  reader_.next();
  deadline_ms_ = loop_.now_ms() + (in_.empty() ? kRestMsMax : kRequestMsMax);
  // What follows is read when the loop has turned to the others.
  socket_.want_writable(!in_.empty());
  socket_.set_reading(in_.empty());
}

void Connection::on_writable(reactor::Socket&) {
  if (!out_.empty()) return write_on();
  socket_.want_writable(false);
  read_on();
}

void Connection::end() {
  endings_.take(socket_.release());
}

}  // namespace onehop::admin
