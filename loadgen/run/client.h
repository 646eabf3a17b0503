// One client of the generator: its connection, what it speaks there, and what it has to send. Connects, and connects
// again when the connection breaks, until it is told to leave.
//
//   kIdle → kConnecting → kOpening → kReady → kLeaving → kGone
//              ▲    └─────────┴────────┘
//              └──── kDown ◄──┘
//
// Invariant: there is a peer_ from kOpening to kLeaving, and the socket is open from kConnecting to kLeaving. Loss is
// told to the worker once for each connection.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "loadgen/drivers/driver.h"
#include "loadgen/drivers/output.h"
#include "loadgen/run/sender.h"
#include "reactor/socket.h"

namespace onehop::loadgen {

class Client;
class Plan;

// What a client tells the thread it lives on, and has from it.
class ClientHost {
 public:
  virtual reactor::Loop& loop() = 0;
  virtual const Plan& plan() const = 0;
  virtual Ledger& ledger() = 0;
  virtual Recorder& recorder() = 0;
  // One buffer for all clients, since none keeps what it has read.
  virtual std::span<char> receive_buffer() = 0;
  // Writes the payload of a message.
  virtual Bytes payload_of(const Wanted& wanted, uint32_t sender, uint32_t number, uint64_t now_ns) = 0;
  // It is about to send: now is the time to want what its window has room for.
  virtual void before_flush(Client& client) = 0;
  // It has output, to be sent before the loop sleeps. It must be ticked until it says no.
  virtual void wants_flush(Client& client) = 0;
  virtual void wants_ticks(Client& client) = 0;

  virtual void on_ready(Client& client, std::string_view server) = 0;
  // The connection could not be made, or broke, for this reason. It will be made again.
  virtual void on_down(Client& client, const std::string& why, bool was_ready) = 0;
  virtual void on_message(Client& client, Bytes payload, const Incoming& incoming, uint64_t arrived_ns) = 0;
  // So many messages are under way no more: the sender knows their outcome.
  virtual void on_settled(Client& client, uint64_t messages) = 0;
  // It has left, or its connection broke when it was leaving; it may be destroyed, but not from within this call.
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
  // Whether it should have connected, and never has.
  bool was_never_open() const { return !ever_ready_ && intended_ns_ != 0; }
  bool is_gone() const { return state_ == State::kGone; }
  uint64_t intended_ns() const { return intended_ns_; }  // When it should have connected.
  const Sender& sender() const { return sender_; }

  // `intended_ns`: when it should have connected; what its connecting is timed from.
  void connect(uint64_t intended_ns);
  void want(const Wanted& wanted, uint64_t now_ns);
  void ask_for_flush() {
    if (!std::exchange(wants_flush_, true)) host_.wants_flush(*this);
  }
  // Writes what waits, as far as the protocol's window and the socket go; it is sent by the next flush.
  void pump(uint64_t now_ns);
  // Sends what there is. Messages that waited for room follow.
  void flush(uint64_t now_ns);
  // Whatever depends on time: called every few milliseconds while it wants ticks. False: no more, for now.
  bool tick(uint64_t now_ns);
  // Now and then, about once a second.
  void keep_alive(uint64_t now_ns);
  // Asks for a sign of life; until there is one, it is silent.
  void ask_for_life(uint64_t now_ns);
  bool is_silent() const { return state_ == State::kReady && arrived_ns_ < life_asked_ns_; }
  void ask_what_was_taken();
  // Slow readers read what is left without a limit from now on.
  void read_freely();
  // No more is sent: what waits is given up.
  void give_up_waiting() { sender_.give_up(); }
  void leave(uint64_t now_ns);
  // Says goodbye, where the protocol has a word for it, and resets the connection behind it: so no local port is kept
  // from whoever connects next, as it would be for a minute after an orderly end.
  void leave_at_once(uint64_t now_ns);
  // At once, without a word.
  void drop();

 private:
  // So much is sent at once, like any client that gathers; and is taken from the queue while the socket is full, so
  // that what waits stays in the queue, where it is counted.
  static constexpr size_t kFlushBytes = 64 << 10;
  static constexpr size_t kBlockedBytesMax = 1 << 20;

  enum class State : uint8_t { kIdle, kConnecting, kOpening, kReady, kDown, kLeaving, kGone };

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
  size_t read_allowance(uint64_t now_ns);
  void take(Bytes bytes);
  void lose(const std::string& why);
  void close_socket();
  void end_writing();

  ClientHost& host_;
  reactor::Socket socket_;
  std::unique_ptr<Peer> peer_;
  Output output_;
  std::string partial_;  // The beginning of a unit that is not all there.
  Sender sender_;
  std::string ended_why_;
  const uint32_t index_;
  const bool receives_;
  const bool slow_;
  const bool tells_;  // The system, what became of a message.
  bool reads_slowly_;
  State state_ = State::kIdle;
  bool closing_socket_ = false;  // The last one; a new one may be opened after on_closed.
  bool blocked_ = false;         // The socket takes no more at present.
  bool written_out_ = false;     // kLeaving: all is sent, and the writing end is shut down.
  bool resets_ = false;          // kLeaving: at once.
  bool wants_ticks_ = false;
  bool wants_flush_ = false;  // It has been asked for, and has not come.
  bool in_read_ = false;      // The peer reads, from our memory and into our output: nothing may be closed.
  uint32_t failures_ = 0;     // In a row.
  bool ever_ready_ = false;
  uint64_t intended_ns_ = 0;  // When it should have connected.
  uint64_t since_ns_ = 0;     // When connecting or leaving began, or when to connect again.
  uint64_t wrote_ns_ = 0;
  uint64_t asked_ns_ = 0;       // For a sign of life.
  uint64_t life_asked_ns_ = 0;  // By ask_for_life().
  uint64_t arrived_ns_ = 0;
  // Of a slow reader: what it may read, and since when that grows.
  double allowance_bytes_ = 0;
  uint64_t allowance_ns_ = 0;
};

}  // namespace onehop::loadgen
