// The engine on a loop: one connection at a time, as the engine wants it.
#include "onehop/loop_client.h"

#include <sys/uio.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>

#include "client/loop_host.h"
#include "onehop/client_engine.h"
#include "reactor/address.h"
#include "reactor/connect_attempt.h"
#include "reactor/server_address.h"
#include "reactor/socket.h"
#include "reactor/timer.h"

namespace onehop::client {
namespace {

// Pieces of one write: chunks are 64 KiB once there is much to write, so that these are more than a socket takes.
constexpr size_t kPiecesMax = 16;
// Writes of one client before others have their turn.
constexpr int kWritesPerFlush = 8;

reactor::Address parse_server(std::string_view server) {
  std::string error;
  const auto address = reactor::parse_server_address(server, error);
  if (!address) throw std::invalid_argument(error);
  return *address;
}

uint64_t make_seed() {
  std::random_device device;
  const uint64_t high = device();
  return high << 32 | device();
}

}  // namespace

void check_arguments(std::string_view server, const ClientOptions& options) {
  static_cast<void>(parse_server(server));
  const bool asks = !options.resume && !options.name.empty();
  const char* wrong = asks ? what_is_wrong_with_name(options.name) : nullptr;
  if (wrong != nullptr) throw std::invalid_argument("'" + options.name + "' is not a name to ask for: " + wrong);
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

void ClientLoop::Impl::flush_all() {
  flushing_.swap(dirty_);
  for (Flushable*& client : flushing_) {
    if (client == nullptr) continue;
    client->listed_ = false;
    std::exchange(client, nullptr)->flush();
  }
  flushing_.clear();
}

ClientLoop::ClientLoop(uv_loop_s* loop) : impl_(std::make_unique<Impl>(loop)) {}
ClientLoop::~ClientLoop() = default;

class LoopClient::Impl final : public Flushable {
 public:
  Impl(ClientLoop::Impl& host, std::string_view server, ClientOptions options, ClientEvents& events);
  ~Impl();

  ClientEngine& engine() { return engine_; }
  // Runs `call`, and has its effects written before the loop sleeps: never at once, so that no event is reported from
  // within a call of the owner's.
  template <typename Call>
  auto use_engine(Call call) {
    host_.want_flush(*this);
    return call();
  }
  void set_reading(bool reading);
  void close(uint64_t deadline_ms);
  void detach(uint64_t deadline_ms);
  void flush() override;

 private:
  // A socket, which outlives its client where the loop is not done with it yet.
  class Wire final : public reactor::SocketHandler {
   public:
    Wire(reactor::Loop& loop, Impl& owner) : owner_(&owner), socket_(loop, *this) {}

    reactor::Socket& socket() { return socket_; }
    void drop() {
      owner_ = nullptr;
      socket_.close();
    }
    void on_readable(reactor::Socket&) override { owner_->on_readable(); }
    void on_writable(reactor::Socket&) override { owner_->flush_blocked(); }
    void on_closed(reactor::Socket&) override { delete this; }

   private:
    ~Wire() = default;

    Impl* owner_;
    reactor::Socket socket_;
  };

  bool is_up() const { return wire_ != nullptr; }
  uint64_t now() const { return host_.loop().now_ms(); }
  void follow_link();
  void drop_link();
  void on_due();
  void on_close_due();
  void on_connect(reactor::ConnectResult result);
  void on_readable();
  void flush_blocked();
  void write_output();
  reactor::IoResult offer(std::span<const std::string_view> pieces);
  void on_failed(const std::string& why);

  ClientLoop::Impl& host_;
  const reactor::Address address_;
  const uint32_t connect_timeout_ms_;
  ClientEngine engine_;
  reactor::Timer timer_;
  reactor::Timer close_timer_;
  std::unique_ptr<reactor::ConnectAttempt> attempt_;
  Wire* wire_ = nullptr;
  uint64_t link_number_ = 0;
  bool blocked_ = false;
  bool shut_down_ = false;
};

LoopClient::Impl::Impl(ClientLoop::Impl& host, std::string_view server, ClientOptions options, ClientEvents& events)
    : host_(host),
      address_(parse_server(server)),
      connect_timeout_ms_(options.connect_timeout_ms),
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
  blocked_ = shut_down_ = false;
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
  if (result.fd) {
    auto* wire = new Wire(host_.loop(), *this);
    const int failure = wire->socket().open(std::move(result.fd));
    if (failure == 0) {
      wire_ = wire;
      wire_->socket().set_reading(true);
      use_engine([this] { engine_.on_link_up(now()); });
      return;
    }
    wire->on_closed(wire->socket());
    error = reactor::error_text(failure);
  }
  use_engine([&] { engine_.on_link_down(error, now()); });
}

void LoopClient::Impl::on_failed(const std::string& why) {
  drop_link();
  use_engine([&] { engine_.on_link_down(why, now()); });
}

void LoopClient::Impl::on_readable() {
  const reactor::IoResult result = wire_->socket().receive(host_.receive_buffer());
  if (result.transferred()) {
    use_engine([&] { engine_.on_bytes({host_.receive_buffer().data(), result.bytes}, now()); });
  } else if (result.status == reactor::IoResult::Status::kEndOfStream) {
    on_failed("the broker closed it");
  } else if (!result.would_block()) {
    on_failed(reactor::error_text(result.error));
  }
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
  const uint64_t deadline = engine_.deadline();
  if (deadline != UINT64_MAX) return timer_.arm_at(deadline);
  // Ended, or open with nothing due: a timer would keep the loop from returning.
  timer_.disarm();
  if (engine_.link() == Link::kNone) close_timer_.disarm();
}

void LoopClient::Impl::write_output() {
  for (int writes = 0; is_up(); ++writes) {
    std::string_view pieces[kPiecesMax];
    const size_t count = engine_.output(pieces, now());
    if (count == 0) {
      wire_->socket().want_writable(false);
      if (engine_.link() == Link::kFinishing && !std::exchange(shut_down_, true)) wire_->socket().shutdown_write();
      return;
    }
    const reactor::IoResult result =
        writes == kWritesPerFlush ? reactor::IoResult{reactor::IoResult::Status::kWouldBlock} : offer({pieces, count});
    if (result.transferred()) {
      engine_.on_written(result.bytes, now());
    } else if (result.would_block()) {
      blocked_ = true;
      wire_->socket().want_writable(true);
      return;
    } else {
      return on_failed(reactor::error_text(result.error));
    }
  }
}

reactor::IoResult LoopClient::Impl::offer(std::span<const std::string_view> pieces) {
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

LoopClient::LoopClient(ClientLoop& loop, std::string_view server, ClientOptions options, ClientEvents& events) {
  check_arguments(server, options);
  impl_ = std::make_unique<Impl>(loop.impl(), server, std::move(options), events);
}
LoopClient::~LoopClient() = default;

SendStatus LoopClient::send(std::string_view to, std::string_view payload, const SendOptions& options,
                            uint64_t* ticket) {
  return impl_->use_engine([&] { return impl_->engine().send(to, payload, options, ticket); });
}

SendStatus LoopClient::send_encoded(std::string body, uint32_t unknown_patience_ms, uint64_t* ticket) {
  return impl_->use_engine([&] { return impl_->engine().send_encoded(std::move(body), unknown_patience_ms, ticket); });
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
