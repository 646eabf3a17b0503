// See the header. The parts are connecting, receiving, sending and time, in that order.
#include "loadgen/run/client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "loadgen/measure/quantity.h"
#include "loadgen/run/clock.h"
#include "loadgen/run/plan.h"

namespace onehop::loadgen {
namespace {

constexpr uint64_t kConnectNsMax = 10'000 * kMs;
constexpr uint64_t kLeaveNsMax = 2'000 * kMs;
// A broker that restarts is back within moments, and the clients that it lost must not storm it.
constexpr uint64_t kRetryNsMin = 100 * kMs;
constexpr uint32_t kRetryDoublingsMax = 5;
// The kernel reads ahead for a slow reader too, so a small buffer makes the reader look slower.
constexpr int kSlowReceiveBuffer = 16 << 10;

}  // namespace

Client::Client(ClientHost& host, uint32_t index, bool receives, bool slow)
    : host_(host),
      socket_(host.loop(), *this),
      sender_(index, host.ledger(), host.recorder()),
      index_(index),
      receives_(receives),
      slow_(slow),
      tells_(host.plan().driver().tells()),
      reads_slowly_(slow) {}

Client::~Client() = default;

// --- The connection ------------------------------------------------------------------------------
void Client::connect(uint64_t intended_ns) {
  state_ = State::kConnecting;
  intended_ns_ = intended_ns;
  since_ns_ = now_ns();
  if (!std::exchange(wants_ticks_, true)) host_.wants_ticks(*this);
  if (const std::string why = open_socket(); !why.empty()) lose(why);
}

// Returns what went wrong, or an empty text.
std::string Client::open_socket() {
  const Plan& plan = host_.plan();
  const reactor::SocketAddress& to = plan.address();
  const auto failed = [&](int error) {
    return "cannot connect to " + plan.settings().target + ": " + reactor::error_text(error);
  };
  reactor::Fd fd(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed(errno);
  const int on = 1;
  if (!to.is_unix()) setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (slow_) setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kSlowReceiveBuffer, sizeof kSlowReceiveBuffer);
  if (const reactor::SocketAddress* source = plan.source_of(index_)) {
#ifdef IP_BIND_ADDRESS_NO_PORT
    // The kernel chooses the port at connect(), so that each source address has all ports for each target.
    setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
    if (bind(fd.get(), source->get(), source->size()) != 0) {
      return "cannot connect from " + source->text() + ": " + reactor::error_text(errno);
    }
  }
  if (::connect(fd.get(), to.get(), to.size()) != 0 && errno != EINPROGRESS) return failed(errno);
  if (const int error = socket_.open(std::move(fd)); error != 0) return failed(error);
  socket_.want_writable(true);
  return "";
}

void Client::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    return lose("cannot connect to " + host_.plan().settings().target + ": " + reactor::error_text(error));
  }
  blocked_ = false;
  socket_.want_writable(false);
  socket_.set_reading(true);
  host_.plan().settings().tls.on ? begin_shaking() : open_peer();
}

void Client::open_peer() {
  state_ = State::kOpening;
  arrived_ns_ = wrote_ns_ = asked_ns_ = now_ns();
  peer_ = host_.plan().driver().make_peer({host_.plan().name_of(index_), receives_});
  peer_->open(output_);
  take({});
  if (socket_.is_open()) flush(now_ns());
}

void Client::on_ready(std::string_view server) {
  state_ = State::kReady;
  failures_ = 0;
  host_.recorder().note_connected(intended_ns_, now_ns());
  host_.on_ready(*this, server);
  ever_ready_ = true;
}

void Client::lose(const std::string& why) {
  const bool was_ready = state_ == State::kReady;
  const bool was_leaving = state_ == State::kLeaving;
  close_socket();
  if (was_leaving) {
    state_ = State::kGone;
    // If a socket is still closing, on_closed() tells the host.
    if (!closing_socket_) host_.on_gone(*this);
    return;
  }
  state_ = State::kDown;
  const uint64_t wait_ns = kRetryNsMin << std::min(failures_++, kRetryDoublingsMax);
  // The clients spread over half of the time, by a number that each has of its own.
  const uint64_t spread = index_ * 2'654'435'761U >> 24;
  since_ns_ = now_ns() + wait_ns / 2 + wait_ns / 2 * spread / 256;
  if (!std::exchange(wants_ticks_, true)) host_.wants_ticks(*this);
  host_.on_down(*this, why, was_ready);
}

void Client::close_socket() {
  sender_.on_connection_lost();
  secure_.reset();
  output_.clear();
  partial_.clear();
  ended_why_.clear();
  blocked_ = written_out_ = false;
  if (!socket_.is_open()) return;
  closing_socket_ = true;
  socket_.close();
}

void Client::on_closed(reactor::Socket&) {
  closing_socket_ = false;
  if (state_ == State::kGone) host_.on_gone(*this);
}

void Client::leave(uint64_t now_ns) {
  if (state_ == State::kLeaving) return;
  if (state_ != State::kReady) return drop();
  state_ = State::kLeaving;
  since_ns_ = now_ns;
  peer_->leave(output_);
  if (!std::exchange(wants_ticks_, true)) host_.wants_ticks(*this);
  flush(now_ns);
}

void Client::leave_at_once(uint64_t now_ns) {
  resets_ = true;
  leave(now_ns);
}

void Client::drop() {
  if (state_ == State::kGone) return;
  state_ = State::kLeaving;
  lose("");
}

// --- Receiving -----------------------------------------------------------------------------------
void Client::on_readable(reactor::Socket&) {
  std::span<char> buffer = host_.receive_buffer();
  // What opens the connection is read at once.
  const bool held_back = reads_slowly_ && state_ == State::kReady;
  if (held_back) {
    const size_t allowance = read_allowance(now_ns());
    if (allowance == 0) return socket_.set_reading(false);
    buffer = buffer.first(std::min(buffer.size(), allowance));
  }
  const reactor::IoResult result = socket_.receive(buffer);
  arrived_ns_ = now_ns();
  if (result.would_block()) return;
  if (secure_ != nullptr) return on_secure_input(result);
  if (result.status == reactor::IoResult::Status::kEndOfStream) return lose("the system closed the connection");
  if (!result.transferred()) return lose("the connection broke: " + reactor::error_text(result.error));
  if (held_back) allowance_bytes_ -= static_cast<double>(result.bytes);
  take({buffer.data(), result.bytes});
}

// Gives the peer whole units and keeps the rest.
void Client::take(Bytes bytes) {
  const size_t had = output_.size();
  in_read_ = true;
  if (partial_.empty()) {
    const size_t taken = peer_->read(bytes, *this, output_);
    if (taken < bytes.size()) partial_.assign(bytes.substr(taken));
  } else {
    partial_.append(bytes);
    partial_.erase(0, peer_->read(partial_, *this, output_));
  }
  in_read_ = false;
  if (partial_.empty() && partial_.capacity() > kFlushBytes) std::string().swap(partial_);
  if (!ended_why_.empty()) return lose(std::string(ended_why_));
  if (output_.size() != had) ask_for_flush();
}

void Client::on_message(Bytes payload, const Incoming& incoming) {
  host_.on_message(*this, payload, incoming, arrived_ns_);
}

void Client::on_told(uint64_t first_id, uint64_t last_id, Outcome outcome, std::string_view reason) {
  if (state_ == State::kLeaving) return;  // The accounts are closed.
  uint64_t settled = 0;
  if (!sender_.on_told(first_id, last_id, outcome, reason, arrived_ns_, settled)) {
    ended_why_ = "the system told an outcome of a message that has none to be told";
  }
  if (settled == 0) return;
  host_.on_settled(*this, settled);
  if (sender_.waiting() != 0) ask_for_flush();
}

void Client::on_pause(Bytes to, uint32_t retry_after_ms) {
  const uint32_t recipient = host_.plan().client_of(to);
  sender_.on_pause(recipient, arrived_ns_ + std::max(retry_after_ms, 1U) * kMs);
  if (!std::exchange(wants_ticks_, true)) host_.wants_ticks(*this);
}

void Client::on_resume(Bytes to) {
  sender_.on_resume(host_.plan().client_of(to));
  if (sender_.waiting() != 0) ask_for_flush();
}

void Client::read_freely() {
  reads_slowly_ = false;
  if (state_ == State::kReady) socket_.set_reading(true);
}

size_t Client::read_allowance(uint64_t now_ns) {
  const auto a_second = static_cast<double>(host_.plan().settings().slow_bytes);
  allowance_bytes_ += a_second * static_cast<double>(now_ns - std::exchange(allowance_ns_, now_ns)) * 1e-9;
  // A reader that read too little does not make up for it later.
  allowance_bytes_ = std::min(allowance_bytes_, std::max(a_second / 10, 1.0));
  if (!std::exchange(wants_ticks_, true)) host_.wants_ticks(*this);
  return static_cast<size_t>(std::max(allowance_bytes_, 0.0));
}

// --- Sending -------------------------------------------------------------------------------------
void Client::want(const Wanted& wanted, uint64_t now_ns) {
  if (state_ == State::kReady && sender_.lets_pass() && has_room()) {
    uint64_t id = 0;
    const uint32_t number = sender_.take(wanted, tells_, id);
    write(wanted, id, number, now_ns);
  } else {
    sender_.want(wanted);
    pump(now_ns);
  }
  ask_for_flush();
}

void Client::pump(uint64_t now_ns) {
  if (state_ != State::kReady) return;
  while (has_room()) {
    const Wanted* next = sender_.next();
    if (next == nullptr) return;
    const Wanted wanted = *next;
    uint64_t id = 0;
    const uint32_t number = sender_.take_next(tells_, id);
    write(wanted, id, number, now_ns);
  }
}

void Client::write(const Wanted& wanted, uint64_t id, uint32_t number, uint64_t now_ns) {
  const Plan& plan = host_.plan();
  Outgoing outgoing;
  outgoing.id = id;
  outgoing.to = plan.known_name_of(wanted.recipient);
  outgoing.ttl_ms = plan.settings().ttl_ms;
  outgoing.in_reply_to = wanted.in_reply_to;
  outgoing.in_reply_to_session = wanted.in_reply_to_session;
  peer_->write_message(output_, outgoing, host_.payload_of(wanted, index_, number, now_ns));
}

void Client::flush(uint64_t now_ns) {
  wants_flush_ = false;
  if (state_ != State::kOpening && state_ != State::kReady && state_ != State::kLeaving) return;
  if (in_read_) return ask_for_flush();
  if (secure_ != nullptr && !blocked_ && !send_secure()) return;
  if (state_ == State::kReady) host_.before_flush(*this);
  pump(now_ns);
  while (!blocked_ && !output_.empty()) {
    const reactor::IoResult result = offer(output_.bytes());
    if (result.would_block()) {
      blocked_ = true;
      socket_.want_writable(true);
    } else if (!result.transferred()) {
      return lose("the connection broke: " + reactor::error_text(result.error));
    } else {
      wrote_ns_ = now_ns;
      output_.consume(result.bytes);
      pump(now_ns);
    }
  }
  if (state_ == State::kLeaving && output_.empty() && !std::exchange(written_out_, true)) end_writing();
}

void Client::end_writing() {
  if (secure_ != nullptr && !resets_) {
    secure_->end();
    if (!send_secure()) return;
  }
  if (!resets_) return socket_.shutdown_write();
  const linger at_once{1, 0};
  setsockopt(socket_.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  lose("");
}

void Client::on_writable(reactor::Socket&) {
  if (state_ == State::kConnecting) return on_connected();
  blocked_ = false;
  socket_.want_writable(false);
  if (state_ == State::kShaking) {
    send_secure();
    return;
  }
  flush(now_ns());
}

// --- Time ----------------------------------------------------------------------------------------
bool Client::tick(uint64_t now_ns) {
  switch (state_) {
    case State::kConnecting:
    case State::kShaking:
    case State::kOpening:
      if (now_ns > since_ns_ + kConnectNsMax) lose("no answer from " + host_.plan().settings().target + " for 10 s");
      return true;
    case State::kDown:
      // The first connection is timed from when it was wanted, however many attempts it takes.
      if (now_ns >= since_ns_ && !closing_socket_) connect(ever_ready_ ? now_ns : intended_ns_);
      return true;
    case State::kLeaving:
      if (now_ns > since_ns_ + kLeaveNsMax) lose("");
      return true;
    case State::kReady: {
      if (sender_.has_paused()) {
        sender_.on_time(now_ns);
        ask_for_flush();
      }
      const bool held_back = reads_slowly_ && !socket_.reading();
      if (held_back && read_allowance(now_ns) != 0) socket_.set_reading(true);
      return wants_ticks_ = reads_slowly_ || sender_.has_paused();
    }
    case State::kIdle:
    case State::kGone:
      break;
  }
  return wants_ticks_ = false;
}

void Client::keep_alive(uint64_t now_ns) {
  const uint64_t half_ns = host_.plan().settings().keepalive_ms * kMs / 2;
  if (state_ != State::kReady || now_ns < std::min(wrote_ns_, arrived_ns_) + half_ns) return;
  const bool answers = host_.plan().driver().routes_by_name() && socket_.reading();
  if (answers && now_ns > arrived_ns_ + 3 * half_ns) return lose("no sign of life for 1.5 keepalives");
  if (now_ns < asked_ns_ + half_ns) return;
  asked_ns_ = now_ns;
  peer_->write_keepalive(output_);
  flush(now_ns);
  output_.release();
}

void Client::ask_for_life(uint64_t now_ns) {
  if (state_ != State::kReady || !host_.plan().driver().routes_by_name()) return;
  life_asked_ns_ = now_ns;
  peer_->write_keepalive(output_);
  flush(now_ns);
}

void Client::ask_what_was_taken() {
  if (state_ != State::kReady || sender_.untold() == 0) return;
  peer_->ask_what_was_taken(output_);
  ask_for_flush();
}

}  // namespace onehop::loadgen
