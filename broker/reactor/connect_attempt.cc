// Looking up and connecting, step by step. The timer starts the attempt in the turn after the constructor, then becomes
// its deadline.
#include "reactor/connect_attempt.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <uv.h>

#include <cassert>
#include <cerrno>
#include <utility>

namespace onehop::reactor {

// libuv may be working on a cancelled request in a thread of its own, so it outlives the attempt.
struct ConnectAttempt::Lookup {
  uv_getaddrinfo_t request;
  ConnectAttempt* attempt;  // Null once cancelled.
};

ConnectAttempt::ConnectAttempt(Loop& loop, const Address& address, uint64_t deadline_ms, Done done)
    : loop_(loop), address_(address), deadline_ms_(deadline_ms), done_(std::move(done)), timer_(loop, [this] {
        on_timer();
      }) {
  timer_.arm_at(loop.now_ms());
}

ConnectAttempt::~ConnectAttempt() {
  if (lookup_ == nullptr) return;
  lookup_->attempt = nullptr;
  uv_cancel(reinterpret_cast<uv_req_t*>(&lookup_->request));  // May be too late, which changes nothing.
}

void ConnectAttempt::on_timer() {
  if (started_) return finish(Fd(), "no answer in time");
  started_ = true;
  timer_.arm_at(deadline_ms_);
  if (const auto numeric = numeric_address(address_)) {
    candidates_ = {*numeric};
    try_next();
  } else {
    look_up();
  }
}

void ConnectAttempt::look_up() {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  lookup_ = new Lookup{{}, this};
  lookup_->request.data = lookup_;
  const auto on_done = [](uv_getaddrinfo_t* request, int status, addrinfo* answer) {
    auto* lookup = static_cast<Lookup*>(request->data);
    ConnectAttempt* attempt = std::exchange(lookup->attempt, nullptr);
    delete lookup;
    if (attempt != nullptr) {
      attempt->lookup_ = nullptr;
      attempt->on_looked_up(status, answer);
    }
    uv_freeaddrinfo(answer);
  };
  const int status = uv_getaddrinfo(loop_.uv(), &lookup_->request, on_done, address_.host().c_str(), nullptr, &hints);
  if (status == 0) return;
  delete std::exchange(lookup_, nullptr);
  finish(Fd(), uv_strerror(status));
}

void ConnectAttempt::on_looked_up(int status, const addrinfo* answer) {
  if (status != 0) return finish(Fd(), uv_strerror(status));
  candidates_ = addresses_in(answer, address_.port());
  last_problem_ = "the host has no IPv4 or IPv6 address";
  try_next();
}

void ConnectAttempt::try_next() {
  while (next_ < candidates_.size()) {
    const SocketAddress& candidate = candidates_[next_++];
    fd_.reset(::socket(candidate.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    int error = fd_ && ::connect(fd_.get(), candidate.get(), candidate.size()) == 0 ? 0 : errno;
    if (fd_ && (error == 0 || error == EINPROGRESS)) {
      error = watch_.start(loop_, fd_.get(), UV_WRITABLE, [this] { on_writable(); });
      if (error == 0) return;
    }
    last_problem_ = error_text(error);
  }
  finish(Fd(), last_problem_);
}

void ConnectAttempt::on_writable() {
  watch_.stop();
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  // A port of the range for clients may be given to our own end: TCP then connects the socket with itself.
  const bool with_itself =
      !address_.is_unix() && SocketAddress::local_of(fd_.get()).text() == SocketAddress::peer_of(fd_.get()).text();
  if (error == 0 && with_itself) error = ECONNREFUSED;
  if (error != 0) {
    last_problem_ = error_text(error);
    return try_next();
  }
  if (!address_.is_unix()) {
    const int on = 1;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  finish(std::move(fd_), {});
}

void ConnectAttempt::finish(Fd fd, const std::string& why) {
  ConnectResult result{std::move(fd), {}};
  if (!result.fd) result.error = "cannot connect to " + address_.text() + ": " + why;
  timer_.disarm();
  watch_.stop();
  fd_.reset();
  // Last, because `done` may destroy this.
  const Done done = std::move(done_);
  done(std::move(result));
}

}  // namespace onehop::reactor
