// The engine on a loop: one connection at a time, as the engine wants it. LoopClient is this behind a pointer; the
// threaded client has one on its thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "client/loop_host.h"
#include "client/secure_link.h"
#include "onehop/client_engine.h"
#include "reactor/address.h"
#include "reactor/connect_attempt.h"
#include "reactor/socket.h"
#include "reactor/timer.h"

namespace onehop::client {

class LoopClient::Impl final : public Flushable {
 public:
  Impl(ClientLoop::Impl& host, const reactor::Address& server, ClientOptions options, ClientEvents& events);
  ~Impl();

  ClientEngine& engine() { return engine_; }
  // Runs `call`, and has its effects written before the loop sleeps: never at once, so that no event is reported from
  // within a call of the owner's.
  template <typename Call>
  auto use_engine(Call call) {
    want_flush();
    return call();
  }
  void want_flush() { host_.want_flush(*this); }
  void set_reading(bool reading);
  void close(uint64_t deadline_ms);
  void detach(uint64_t deadline_ms);
  // Ends at once, with events. Not from an event.
  void abort(const Ending& ending);
  void flush() override;

  // Called whenever the client has done all that it had to do in a turn of the loop. Set before it has done anything.
  std::function<void()> after_flush;

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
  void arm_timers();
  void drop_link();
  void on_due();
  void on_close_due();
  void on_connect(reactor::ConnectResult result);
  void on_readable();
  void on_secure_readable(const reactor::IoResult& result);
  void read_secure();
  void flush_blocked();
  void write_output();
  bool send_secure();
  void finish_output();
  void wait_for_socket();
  reactor::IoResult offer(std::span<const std::string_view> pieces);
  void on_failed(const std::string& why);

  ClientLoop::Impl& host_;
  const reactor::Address address_;
  const uint32_t connect_timeout_ms_;
  const tls::ClientFiles tls_files_;
  const std::string tls_server_name_;
  tls::ResumableSession tls_session_;  // Outlives secure_.
  ClientEngine engine_;
  reactor::Timer timer_;
  reactor::Timer close_timer_;
  std::unique_ptr<reactor::ConnectAttempt> attempt_;
  Wire* wire_ = nullptr;
  std::unique_ptr<SecureLink> secure_;  // With TLS, while there is a wire.
  bool link_is_up_ = false;             // The engine was told of the wire: after the handshake, where there is one.
  uint64_t link_number_ = 0;
  bool blocked_ = false;
  bool shut_down_ = false;
};

}  // namespace onehop::client
