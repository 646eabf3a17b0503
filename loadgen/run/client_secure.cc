// The part of Client that is about TLS. See client.h.

#include <cerrno>
#include <optional>

#include "loadgen/run/client.h"
#include "loadgen/run/clock.h"
#include "loadgen/run/plan.h"
#include "loadgen/run/tls.h"

namespace onehop::loadgen {

void Client::begin_shaking() {
  state_ = State::kShaking;
  shaking_since_ns_ = now_ns();
  std::string error;
  secure_ = begin_tls(host_.plan().settings().tls, tls_session_, error);
  if (secure_ == nullptr) return lose(error);
  send_secure();
}

// What is taken may end the connection, and TLS with it.
void Client::on_secure_input(const reactor::IoResult& result) {
  if (result.status == reactor::IoResult::Status::kError) {
    return lose("the connection broke: " + reactor::error_text(result.error));
  }
  const std::span<char> buffer = host_.receive_buffer();
  if (result.transferred()) {
    if (reads_slowly_ && state_ == State::kReady) allowance_bytes_ -= static_cast<double>(result.bytes);
    secure_->take_input({buffer.data(), result.bytes});
  } else {
    secure_->end_input();
  }
  if (state_ == State::kShaking && secure_->is_open() && !secure_->why_over()) {
    host_.recorder().note_handshake(intended_ns_, shaking_since_ns_, now_ns());
    open_peer();
  }
  for (size_t size; secure_ != nullptr && (size = secure_->read(buffer)) != 0;) take({buffer.data(), size});
  if (secure_ == nullptr || !send_secure()) return;
  const std::optional<std::string> why = secure_->why_over();
  if (!why) return;
  lose(state_ == State::kShaking ? "cannot connect to " + host_.plan().settings().target + ": " + *why
                                 : "the system closed the connection: " + *why);
}

reactor::IoResult Client::offer(Bytes bytes) {
  if (secure_ == nullptr) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    return socket_.send(&piece, 1);
  }
  const size_t taken = secure_->write({&bytes, 1});
  if (taken == 0) return {reactor::IoResult::Status::kError, EPROTO};
  reactor::IoResult sent{reactor::IoResult::Status::kWouldBlock};
  if (!secure_->send(socket_, sent)) {
    if (!sent.would_block()) return sent;
    blocked_ = true;
    socket_.want_writable(true);
  }
  return {reactor::IoResult::Status::kTransferred, 0, taken};
}

// Whether TLS has nothing left that the socket is to send.
bool Client::send_secure() {
  reactor::IoResult result{reactor::IoResult::Status::kWouldBlock};
  if (secure_->send(socket_, result)) return true;
  if (!result.would_block()) {
    lose("the connection broke: " + reactor::error_text(result.error));
    return false;
  }
  blocked_ = true;
  socket_.want_writable(true);
  return false;
}

}  // namespace onehop::loadgen
