// One client of the generator: its connection, its peer and what it has to send. It connects, and connects again when
// the connection breaks, until it is told to leave.
//
//   kIdle → kConnecting (→ kShaking) → kOpening → kReady → kLeaving → kGone
//              ▲    └───────────┴──────────┴─────────┘
//              └──── kDown ◄────┘
//
// In kShaking the TLS handshake is under way, where the target has TLS.
//
// Invariant: peer_ exists from kOpening to kLeaving, and the socket is open from kConnecting to kLeaving. The client
// tells its host once for each connection that it is lost.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "client/secure_link.h"
#include "loadgen/drivers/driver.h"
#include "loadgen/drivers/output.h"
#include "loadgen/run/sender.h"
#include "reactor/socket.h"

namespace onehop::loadgen {

class Client;
class Plan;

// The thread on which a client lives: what a client needs from it and tells it.
class ClientHost {
 public:
  virtual reactor::Loop& loop() = 0;
  virtual const Plan& plan() const = 0;
  virtual Ledger& ledger() = 0;
  virtual Recorder& recorder() = 0;
  // All clients share one buffer, since no client keeps what it has read.
  virtual std::span<char> receive_buffer() = 0;
  // Writes the payload of a message.
  virtual Bytes payload_of(const Wanted& wanted, uint32_t sender, uint32_t number, uint64_t now_ns) = 0;
  // The client is about to send. The host may now want messages for which the window has room.
  virtual void before_flush(Client& client) = 0;
  // The first asks for a flush before the loop sleeps. The second asks for ticks until tick() returns false.
  virtual void wants_flush(Client& client) = 0;
  virtual void wants_ticks(Client& client) = 0;

  virtual void on_ready(Client& client, std::string_view server) = 0;
  // The connection failed or broke for this reason. The client will connect again.
  virtual void on_down(Client& client, const std::string& why, bool was_ready) = 0;
  virtual void on_message(Client& client, Bytes payload, const Incoming& incoming, uint64_t arrived_ns) = 0;
  // The sender knows the outcome of this many more messages, so they are not under way any more.
  virtual void on_settled(Client& client, uint64_t messages) = 0;
  // The client has left, or its connection broke while it was leaving. The host may destroy it, but not from within
  // this call.
  virtual void on_gone(Client& client) = 0;

 protected:
  ~ClientHost() = default;
};

class Client final : private reactor::SocketHandler, private Inbox {
 public:
  Client(ClientHost& host, uint32_t index, bool receives, bool slow);
  ~Client();

  uint32_t index() const { return index_; }
  bool is_slow() const { return slow_; }
  bool was_ever_ready() const { return ever_ready_; }
  // Whether the client should have connected and never has.
  bool was_never_open() const { return !ever_ready_ && intended_ns_ != 0; }
  bool is_gone() const { return state_ == State::kGone; }
  uint64_t intended_ns() const { return intended_ns_; }  // When the client should have connected.
  const Sender& sender() const { return sender_; }

  // `intended_ns` is when the client should have connected; its connecting is timed from then.
  void connect(uint64_t intended_ns);
  void want(const Wanted& wanted, uint64_t now_ns);
  void ask_for_flush() {
    if (!std::exchange(wants_flush_, true)) host_.wants_flush(*this);
  }
  // Writes waiting messages as far as the window of the protocol and the socket allow. The next flush sends them.
  void pump(uint64_t now_ns);
  // Sends the output, and then messages that waited for room.
  void flush(uint64_t now_ns);
  // Does what depends on time. The host calls it every few milliseconds while the client wants ticks. Returns false
  // when the client needs no more ticks for now.
  bool tick(uint64_t now_ns);
  // Keeps the connection alive. The host calls it several times in each keepalive.
  void keep_alive(uint64_t now_ns);
  // Asks the system for a sign of life. The client is silent until one arrives.
  void ask_for_life(uint64_t now_ns);
  bool is_silent() const { return state_ == State::kReady && arrived_ns_ < life_asked_ns_; }
  void ask_what_was_taken();
  // Lets a slow reader read the rest without a limit.
  void read_freely();
  // Gives up all messages that still wait.
  void give_up_waiting() { sender_.give_up(); }
  void leave(uint64_t now_ns);
  // Says goodbye where the protocol has a word for it, and then resets the connection. After an orderly end the local
  // port would be taken for a minute, and clients that connect next would lack it.
  void leave_at_once(uint64_t now_ns);
  // Ends the connection at once, without a word.
  void drop();

 private:
  // kFlushBytes is sent at once, as by any client that gathers. kBlockedBytesMax limits what is taken from the queue
  // while the socket is full, so that waiting messages stay in the queue, where they are counted.
  static constexpr size_t kFlushBytes = 64 << 10;
  static constexpr size_t kBlockedBytesMax = 1 << 20;

  enum class State : uint8_t { kIdle, kConnecting, kShaking, kOpening, kReady, kDown, kLeaving, kGone };

  void on_readable(reactor::Socket& socket) override;
  void on_writable(reactor::Socket& socket) override;
  void on_closed(reactor::Socket& socket) override;

  void on_ready(std::string_view server) override;
  void on_message(Bytes payload, const Incoming& incoming) override;
  void on_told(uint64_t first_id, uint64_t last_id, Outcome outcome, std::string_view reason) override;
  void on_pause(Bytes to, uint32_t retry_after_ms) override;
  void on_resume(Bytes to) override;
  void on_ended(std::string_view why) override { ended_why_ = why; }

  bool has_room() const { return output_.size() < (blocked_ ? kBlockedBytesMax : kFlushBytes) && peer_->may_send(); }
  void write(const Wanted& wanted, uint64_t id, uint32_t number, uint64_t now_ns);
  std::string open_socket();
  void on_connected();
  void begin_shaking();
  void open_peer();
  void on_secure_input(const reactor::IoResult& result);
  bool send_secure();
  reactor::IoResult offer(Bytes bytes);
  size_t read_allowance(uint64_t now_ns);
  void take(Bytes bytes);
  void lose(const std::string& why);
  void close_socket();
  void end_writing();

  ClientHost& host_;
  reactor::Socket socket_;
  tls::ResumableSession tls_session_;           // Outlives secure_.
  std::unique_ptr<client::SecureLink> secure_;  // With TLS, from kShaking on.
  uint64_t shaking_since_ns_ = 0;
  std::unique_ptr<Peer> peer_;
  Output output_;
  std::string partial_;  // The beginning of an incomplete unit.
  Sender sender_;
  std::string ended_why_;
  const uint32_t index_;
  const bool receives_;
  const bool slow_;
  const bool tells_;  // Whether the system tells outcomes.
  bool reads_slowly_;
  State state_ = State::kIdle;
  bool closing_socket_ = false;  // The last socket is closing. A new one may be opened after on_closed.
  bool blocked_ = false;         // The socket takes no more for now.
  bool written_out_ = false;     // In kLeaving: everything is sent, and the writing end is shut down.
  bool resets_ = false;          // In kLeaving: the connection ends with a reset.
  bool wants_ticks_ = false;
  bool wants_flush_ = false;  // A flush was asked for and has not come yet.
  bool in_read_ = false;      // The peer is reading from partial_ and into output_, so nothing may be closed.
  uint32_t failures_ = 0;     // Failed connections in a row.
  bool ever_ready_ = false;
  uint64_t intended_ns_ = 0;  // When the client should have connected.
  uint64_t since_ns_ = 0;     // When connecting or leaving began, or when to connect again.
  uint64_t wrote_ns_ = 0;
  uint64_t asked_ns_ = 0;       // When keep_alive() last asked for a sign of life.
  uint64_t life_asked_ns_ = 0;  // When ask_for_life() asked.
  uint64_t arrived_ns_ = 0;
  // What a slow reader may read now, and the time since when that grows.
  double allowance_bytes_ = 0;
  uint64_t allowance_ns_ = 0;
};

}  // namespace onehop::loadgen
