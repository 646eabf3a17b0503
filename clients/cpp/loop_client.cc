// See loop_client_impl.h.
#include "client/loop_client_impl.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <random>
#include <utility>

#include "client/request_events.h"
#include "reactor/server_address.h"

namespace onehop::client {
namespace {

// Pieces of one write: chunks are 64 KiB once there is much to write, so that these are more than a socket takes.
constexpr size_t kPiecesMax = 16;
// Writes of one client before others have their turn.
constexpr int kWritesPerFlush = 8;
// Rounds over the clients that have something to do before the loop looks for events.
constexpr int kFlushRounds = 8;

uint64_t make_seed() {
  std::random_device device;
  const uint64_t high = device();
  return high << 32 | device();
}

}  // namespace

std::optional<reactor::Address> check_arguments(std::string_view server, const ClientOptions& options,
                                                std::string& error) {
  std::optional<reactor::Address> address = reactor::parse_server_address_or_tls(server, error);
  if (!address) return std::nullopt;
  const bool asks = !options.resume && !options.name.empty();
  if (const char* wrong = asks ? what_is_wrong_with_name(options.name) : nullptr; wrong != nullptr) {
    error = "'" + options.name + "' is not a name to ask for: " + wrong;
    return std::nullopt;
  }
  if (std::string wrong = wrong_with_tls(*address, options); !wrong.empty()) {
    error = std::move(wrong);
    return std::nullopt;
  }
  return address;
}

ClientLoop::Impl::Impl(uv_loop_s* loop) : loop_(loop) {
  loop_.before_sleep = [this] { flush_all(); };
  loop_.after_events = [this] { flush_all(); };
}

void ClientLoop::Impl::want_flush(Flushable& client) {
  if (std::exchange(client.listed_, true)) return;
  dirty_.push_back(&client);
}

void ClientLoop::Impl::forget(Flushable& client) {
  std::replace(dirty_.begin(), dirty_.end(), &client, static_cast<Flushable*>(nullptr));
  std::replace(flushing_.begin(), flushing_.end(), &client, static_cast<Flushable*>(nullptr));
}

// What one client's flush leaves for another is done at once, but not for ever: then the loop looks for events, without
// sleeping, and goes on.
void ClientLoop::Impl::flush_all() {
  for (int round = 0; !dirty_.empty(); ++round) {
    if (round == kFlushRounds) return loop_.wake();
    flushing_.swap(dirty_);
    for (Flushable*& client : flushing_) {
      if (client == nullptr) continue;
      client->listed_ = false;
      std::exchange(client, nullptr)->flush();
    }
    flushing_.clear();
  }
}

ClientLoop::ClientLoop(uv_loop_s* loop) : impl_(std::make_unique<Impl>(loop)) {}
ClientLoop::~ClientLoop() = default;

LoopClient::Impl::Impl(ClientLoop::Impl& host, const reactor::Address& server, ClientOptions options,
                       ClientEvents& events)
    : host_(host),
      address_(server),
      connect_timeout_ms_(options.connect_timeout_ms),
      tls_files_(tls_files_of(options)),
      tls_server_name_(options.tls_server_name.empty() ? server.host() : options.tls_server_name),
      engine_(std::move(options), events, make_seed()),
      timer_(host.loop(), [this] { on_due(); }),
      close_timer_(host.loop(), [this] { on_close_due(); }) {
  engine_.start(now());
  flush();
}

LoopClient::Impl::~Impl() {
  host_.forget(*this);
  drop_link();
}

// A timer may be all that keeps the loop turning, so that what it leads to does not wait for the loop's next turn.
void LoopClient::Impl::on_due() {
  engine_.on_tick(now());
  flush();
}

void LoopClient::Impl::on_close_due() {
  engine_.abort({.cause = Ending::Cause::kClosed, .text = "the deadline for closing has passed"}, now());
  flush();
}

void LoopClient::Impl::drop_link() {
  attempt_.reset();
  if (wire_ != nullptr) std::exchange(wire_, nullptr)->drop();
  secure_.reset();
  blocked_ = shut_down_ = link_is_up_ = false;
}

void LoopClient::Impl::follow_link() {
  if (engine_.link() == Link::kNone) return drop_link();
  if (link_number_ == engine_.link_number()) return;
  drop_link();
  link_number_ = engine_.link_number();
  attempt_ = std::make_unique<reactor::ConnectAttempt>(
      host_.loop(), address_, now() + connect_timeout_ms_,
      [this](reactor::ConnectResult result) { on_connect(std::move(result)); });
}

void LoopClient::Impl::on_connect(reactor::ConnectResult result) {
  attempt_.reset();
  std::string error = std::move(result.error);
  if (result.fd && address_.is_tls()) {
    secure_ = SecureLink::begin(tls_files_, tls_server_name_, tls_session_, error);
    if (secure_ == nullptr) result.fd.reset();
  }
  if (result.fd) {
    auto* wire = new Wire(host_.loop(), *this);
    const int failure = wire->socket().open(std::move(result.fd));
    if (failure == 0) {
      wire_ = wire;
      wire_->socket().set_reading(true);
      link_is_up_ = secure_ == nullptr;
      use_engine([this] {
        if (link_is_up_) engine_.on_link_up(now());
      });
      return;
    }
    wire->on_closed(wire->socket());
    secure_.reset();
    error = reactor::error_text(failure);
  }
  use_engine([&] { engine_.on_link_down(error, now()); });
}

void LoopClient::Impl::on_failed(const std::string& why) {
  const bool within_handshake = secure_ != nullptr && !link_is_up_;
  drop_link();
  const std::string text = within_handshake ? "cannot connect to " + address_.text() + ": " + why : why;
  use_engine([&] { engine_.on_link_down(text, now()); });
}

void LoopClient::Impl::on_readable() {
  const reactor::IoResult result = wire_->socket().receive(host_.receive_buffer());
  if (secure_ != nullptr) return on_secure_readable(result);
  if (result.transferred()) {
    use_engine([&] { engine_.on_bytes({host_.receive_buffer().data(), result.bytes}, now()); });
  } else if (result.status == reactor::IoResult::Status::kEndOfStream) {
    on_failed("the broker closed it");
  } else if (!result.would_block()) {
    on_failed(reactor::error_text(result.error));
  }
}

void LoopClient::Impl::on_secure_readable(const reactor::IoResult& result) {
  if (result.would_block()) return;
  if (result.status == reactor::IoResult::Status::kError) return on_failed(reactor::error_text(result.error));
  if (result.transferred()) {
    secure_->take_input({host_.receive_buffer().data(), result.bytes});
  } else {
    secure_->end_input();
  }
  if (secure_->is_open() && !secure_->why_over() && !std::exchange(link_is_up_, true)) {
    use_engine([this] { engine_.on_link_up(now()); });
  }
  read_secure();
}

// The engine may end the link because of what it reads, and begin another, which has another number.
void LoopClient::Impl::read_secure() {
  const uint64_t number = link_number_;
  const auto is_here = [&] { return secure_ != nullptr && number == link_number_ && engine_.link() != Link::kNone; };
  for (size_t size; is_here() && (size = secure_->read(host_.receive_buffer())) != 0;) {
    use_engine([&] { engine_.on_bytes({host_.receive_buffer().data(), size}, now()); });
  }
  want_flush();  // What was read may have made TLS answer.
  if (!is_here()) return;
  const std::optional<std::string> why = secure_->why_over();
  if (!why) return;
  send_secure();  // An alert says to the broker what is wrong.
  if (secure_ != nullptr) on_failed(*why);
}

void LoopClient::Impl::flush_blocked() {
  blocked_ = false;
  flush();
}

void LoopClient::Impl::flush() {
  follow_link();
  if (is_up() && !blocked_) write_output();
  // What was written may have ended the client.
  follow_link();
  arm_timers();
  if (after_flush) after_flush();
}

void LoopClient::Impl::arm_timers() {
  const uint64_t deadline = engine_.deadline();
  if (deadline != UINT64_MAX) return timer_.arm_at(deadline);
  // Ended, or open with nothing due: a timer would keep the loop from returning.
  timer_.disarm();
  if (engine_.link() == Link::kNone) close_timer_.disarm();
}

// Whether TLS has nothing left that the socket is to send.
bool LoopClient::Impl::send_secure() {
  reactor::IoResult result{reactor::IoResult::Status::kWouldBlock};
  if (secure_ == nullptr || secure_->send(wire_->socket(), result)) return true;
  if (result.would_block()) {
    wait_for_socket();
  } else {
    on_failed(reactor::error_text(result.error));
  }
  return false;
}

void LoopClient::Impl::wait_for_socket() {
  blocked_ = true;
  wire_->socket().want_writable(true);
}

// The engine has said all.
void LoopClient::Impl::finish_output() {
  if (engine_.link() == Link::kFinishing && secure_ != nullptr && link_is_up_) {
    secure_->end();
    if (!send_secure()) return;
  }
  wire_->socket().want_writable(false);
  if (engine_.link() == Link::kFinishing && !std::exchange(shut_down_, true)) wire_->socket().shutdown_write();
}

void LoopClient::Impl::write_output() {
  if (!send_secure() || !link_is_up_) return;
  for (int writes = 0; is_up(); ++writes) {
    std::string_view pieces[kPiecesMax];
    const size_t count = engine_.output(pieces, now());
    if (count == 0) return finish_output();
    const reactor::IoResult result =
        writes == kWritesPerFlush ? reactor::IoResult{reactor::IoResult::Status::kWouldBlock} : offer({pieces, count});
    if (result.transferred()) {
      engine_.on_written(result.bytes, now());
      if (!send_secure()) return;
    } else if (result.would_block()) {
      return wait_for_socket();
    } else {
      return on_failed(reactor::error_text(result.error));
    }
  }
}

reactor::IoResult LoopClient::Impl::offer(std::span<const std::string_view> pieces) {
  if (secure_ != nullptr) {
    const size_t taken = secure_->write(pieces);
    if (taken != 0) return {reactor::IoResult::Status::kTransferred, 0, taken};
    // With nothing left to send it takes something, unless it is broken.
    return {reactor::IoResult::Status::kError, EPROTO};
  }
  iovec iov[kPiecesMax];
  for (size_t i = 0; i < pieces.size(); ++i) iov[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
  return wire_->socket().send(iov, static_cast<int>(pieces.size()));
}

void LoopClient::Impl::set_reading(bool reading) {
  use_engine([&] { engine_.set_reading(reading, now()); });
  if (is_up()) wire_->socket().set_reading(reading);
}

void LoopClient::Impl::close(uint64_t deadline_ms) {
  use_engine([this] { engine_.close(); });
  if (deadline_ms != 0) close_timer_.arm_at(now() + deadline_ms);
}

void LoopClient::Impl::detach(uint64_t deadline_ms) {
  use_engine([this] { engine_.detach(); });
  if (deadline_ms != 0) close_timer_.arm_at(now() + deadline_ms);
}

void LoopClient::Impl::abort(const Ending& ending) {
  use_engine([&] { engine_.abort(ending, now()); });
}

std::unique_ptr<LoopClient> LoopClient::start(ClientLoop& loop, std::string_view server, ClientOptions options,
                                              ClientEvents& events, std::string& error) {
  const auto address = check_arguments(server, options, error);
  if (!address) return nullptr;
  try {
    auto told = std::make_unique<RequestEvents>(events);
    auto impl = std::make_unique<Impl>(loop.impl(), *address, std::move(options), *told);
    return std::unique_ptr<LoopClient>(new LoopClient(std::move(told), std::move(impl)));
  } catch (const std::exception& failure) {
    error = failure.what();
    return nullptr;
  }
}

LoopClient::LoopClient(std::unique_ptr<RequestEvents> events, std::unique_ptr<Impl> impl)
    : events_(std::move(events)), impl_(std::move(impl)) {}
LoopClient::~LoopClient() = default;

SendStatus LoopClient::send(std::string_view to, std::string_view payload, const SendOptions& options,
                            uint64_t* ticket) {
  return impl_->use_engine([&] { return impl_->engine().send(to, payload, options, ticket); });
}

SendStatus LoopClient::send_encoded(std::string_view body, uint32_t unknown_patience_ms, uint64_t* ticket) {
  return impl_->use_engine([&] { return impl_->engine().send_encoded(body, unknown_patience_ms, ticket); });
}

void LoopClient::acknowledge(DeliveryTag tag) {
  impl_->use_engine([&] { impl_->engine().acknowledge(tag); });
}

void LoopClient::acknowledge_up_to(DeliveryTag tag) {
  impl_->use_engine([&] { impl_->engine().acknowledge_up_to(tag); });
}

void LoopClient::refuse(DeliveryTag tag, const Refusal& refusal) {
  impl_->use_engine([&] { impl_->engine().refuse(tag, refusal); });
}

std::optional<SavedSession> LoopClient::saved_session() const {
  return impl_->engine().saved_session();
}

uint64_t LoopClient::unsettled() const {
  return impl_->engine().unsettled();
}

SendCounts LoopClient::counts() const {
  return impl_->engine().counts();
}

void LoopClient::flush(std::function<void()> done) {
  impl_->use_engine([&] { impl_->engine().flush(std::move(done)); });
}

uint64_t LoopClient::ping() {
  return impl_->use_engine([this] { return impl_->engine().ping(); });
}

SendStatus LoopClient::renew(std::string_view token) {
  return impl_->use_engine([&] { return impl_->engine().renew(token); });
}

SendStatus LoopClient::subscribe(std::string_view filter, const SubscribeOptions& options) {
  return impl_->use_engine([&] { return impl_->engine().subscribe(filter, options); });
}

SendStatus LoopClient::unsubscribe(std::string_view filter) {
  return impl_->use_engine([&] { return impl_->engine().unsubscribe(filter); });
}

void LoopClient::set_reading(bool reading) {
  impl_->set_reading(reading);
}
void LoopClient::close(uint64_t deadline_ms) {
  impl_->close(deadline_ms);
}
void LoopClient::detach(uint64_t deadline_ms) {
  impl_->detach(deadline_ms);
}

}  // namespace onehop::client
