// A RawClient that sends and receives confirmed messages as docs/wire.md wants it: keeps to its windows, acknowledges
// deliveries and receipts, and never waits for one direction while the other could go on. What it is told of its own
// messages goes into a ledger.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "outcome_ledger.h"
#include "server_test/raw_client.h"

namespace onehop::test {

class ConfirmedPeer {
 public:
  struct Options {
    uint32_t session_expiry_ms = 0;
    uint32_t receive_window = 0;
    bool ordered_refusals = false;
    int receive_buffer_bytes = 0;
  };

  // Connects, and waits until the session is open.
  ConfirmedPeer(const std::string& address, const std::string& name, const Options& options);
  ConfirmedPeer(const std::string& address, const std::string& name) : ConfirmedPeer(address, name, Options{}) {}

  // Whether the send windows have room for one more message of this size.
  bool may_send(size_t payload_bytes) const;
  // Queues a message; returns its id.
  uint64_t send(const std::string& to, const std::string& payload);
  // Queues anything else.
  void send_frame(const v1::Frame& frame) { unwritten_ += wire(frame); }

  // Writes what the socket takes; with room, acknowledgements go first.
  void write();
  // Reads what the socket holds, and handles it.
  void read();
  // As poll takes it.
  short wanted() const { return static_cast<short>(unwritten_.empty() ? kReadable : kReadable | kWritable); }
  size_t unwritten_bytes() const { return unwritten_.size() - written_; }

  // Called from read(). Every message is acknowledged once `on_message` has returned, while `acknowledging`.
  std::function<void(const v1::Message&)> on_message;
  std::function<void(uint64_t id)> on_outcome;
  std::function<void(const v1::Flow&)> on_flow;
  void set_acknowledging(bool on);

  const std::string& name() const { return name_; }
  const v1::Connected& connected() const { return connected_; }
  const OutcomeLedger& ledger() const { return ledger_; }
  uint64_t received() const { return received_; }
  RawClient& client() { return client_; }
  // What went wrong: the ledger's problems, an unexpected frame, the end of the stream.
  std::vector<std::string> problems() const;

 private:
  static constexpr short kReadable = 1;  // POLLIN
  static constexpr short kWritable = 4;  // POLLOUT

  void handle(const v1::Frame& frame);
  void acknowledge();

  const std::string name_;
  RawClient client_;
  v1::Connected connected_;
  OutcomeLedger ledger_;
  v1::Frame scratch_;  // A message, its parts reused.
  std::string unwritten_;
  size_t written_ = 0;  // Of unwritten_.
  bool acknowledging_ = true;
  uint64_t received_ = 0;
  uint64_t highest_tag_ = 0;
  uint64_t acknowledged_tag_ = 0;
  uint64_t acknowledged_seq_ = 0;
  uint64_t unacknowledged_outcomes_ = 0;
  std::vector<std::string> problems_;
};

// Waits until any of them can go on, at most this long, and lets those go on that can.
void take_turn(const std::vector<ConfirmedPeer*>& peers, int timeout_ms);

}  // namespace onehop::test
