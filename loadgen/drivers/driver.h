// How the load generator talks to a system. There is one Driver for each protocol, and it makes one Peer for each
// connection. Drivers are pure: they turn bytes into bytes. The worker owns the sockets, the clock, and the choice of
// what to send.
//
//   worker → Peer:   open, write_message, ask_what_was_taken, write_keepalive, leave, and read(bytes that arrived)
//   Peer → worker:   Inbox, only from within read()
//
// A Peer answers by itself what its protocol wants answered, such as acknowledgements and pongs. It writes the answers
// into the Output that read() is given, once for everything that one read brought if the protocol allows that. So all
// systems get batches alike.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "loadgen/drivers/output.h"
#include "onehop/client_types.h"

namespace onehop::loadgen {

using client::Outcome;
using core::Bytes;

// The levels of what a system can tell a sender, from the least.
enum class Confirm : uint8_t {
  kNone,       // Nothing (onehop: id 0; MQTT: QoS 0; NATS and Redis pub/sub).
  kTaken,      // The broker took or refused it (onehop: REFUSALS; MQTT: QoS 1; Redis: the reply to PUBLISH).
  kDelivered,  // The recipient acknowledged it, or another fate (onehop: DELIVERED).
};

// Everything about one message to send except its payload.
struct Outgoing {
  Bytes to;         // The name of the recipient.
  uint64_t id = 0;  // Ids count from 1 on each connection, without gaps. A Peer tells outcomes by id.
  uint32_t ttl_ms = 0;
  // The message that this one answers, as Incoming names it; 0 if it answers none.
  uint64_t in_reply_to = 0;
  uint64_t in_reply_to_session = 0;
};

// Everything about one message that arrived except its payload; 0 where the protocol has no such field.
struct Incoming {
  uint64_t id = 0;
  uint64_t session = 0;
};

// The worker's end of a connection.
class Inbox {
 public:
  // The connection is named and subscribed: messages may be sent and may arrive. `server` is the name and version that
  // the system tells, or empty.
  virtual void on_ready(std::string_view server) = 0;
  virtual void on_message(Bytes payload, const Incoming& incoming) = 0;
  // The outcome of the messages with ids from first to last, which were sent on this connection. `reason` is the
  // system's word ("QUEUE_FULL"), and empty with kAdmitted and kDelivered. kAdmitted is meant only for those messages
  // of the range that have no outcome yet. The worker complains about ids that were never sent, and about other
  // outcomes that are told twice.
  virtual void on_told(uint64_t first_id, uint64_t last_id, Outcome outcome, std::string_view reason) = 0;
  // The worker sends nothing to this client until on_resume, or until this time is over.
  virtual void on_pause(Bytes to, uint32_t retry_after_ms) = 0;
  virtual void on_resume(Bytes to) = 0;
  // The system ends the connection in good order, or sends something that is not its protocol. `why` is one line for
  // people. The Peer tells nothing after it.
  virtual void on_ended(std::string_view why) = 0;

 protected:
  ~Inbox() = default;
};

// One connection. A reconnect makes a new Peer.
class Peer {
 public:
  virtual ~Peer() = default;

  // Writes what a client begins with. Inbox::on_ready follows when the system has granted all of it.
  virtual void open(Output& out) = 0;

  // Whether one more message may be under way now. It is false while a window of the protocol is full, and then on_told
  // makes room.
  virtual bool may_send() const { return true; }
  // Allowed only after on_ready, and only if may_send().
  virtual void write_message(Output& out, const Outgoing& message, Bytes payload) = 0;
  // For systems that tell only refusals: makes the system say what it has taken so far, which on_told(…, kAdmitted)
  // then tells. The worker calls this now and then while messages have no outcome. By default it does nothing.
  virtual void ask_what_was_taken(Output& out) { static_cast<void>(out); }

  // Reads the whole units at the front of `in`, and returns how many bytes they take. The caller gives the rest again,
  // with more bytes behind it.
  virtual size_t read(Bytes in, Inbox& inbox, Output& out) = 0;

  // Writes something that shows that the client lives.
  virtual void write_keepalive(Output& out) = 0;
  // Writes what a client says when it leaves in good order. The worker sends it, reads to the end of the stream, and
  // closes.
  virtual void leave(Output& out) = 0;
};

struct DriverOptions {
  Confirm confirm = Confirm::kDelivered;
  uint32_t keepalive_ms = 30'000;  // On a silent connection the worker calls write_keepalive at half of it.
  size_t payload_bytes_max = 0;    // The payload of the largest message that will be sent.
  // The headers of each message, for onehop only. The texts that they refer to must outlive the driver.
  std::vector<client::Header> headers = {};
  // What each client shows the broker, for onehop only; empty: nothing.
  std::string token = {};
};

struct PeerOptions {
  std::string name;      // At most 64 letters, digits, '-' and '_'. Unique among all connections of all processes.
  bool receives = true;  // Whether this connection wants the messages to its name.
};

class Driver {
 public:
  virtual ~Driver() = default;

  virtual std::unique_ptr<Peer> make_peer(PeerOptions options) = 0;

  // Whether senders are told outcomes of single messages, at the confirm level that was asked for.
  virtual bool tells() const = 0;
  // False for a system without names, which joins the first connection to the second, the third to the fourth, and so
  // on. Connections are then made one after the other.
  virtual bool routes_by_name() const { return true; }
  // The largest payload that the system can carry.
  virtual size_t message_bytes_max() const { return size_t{64} << 20; }
};

// Each of these throws std::invalid_argument, with a line for people, if the system does not support the confirm level.
std::unique_ptr<Driver> make_onehop_driver(const DriverOptions& options);
std::unique_ptr<Driver> make_blind_driver(const DriverOptions& options);
std::unique_ptr<Driver> make_bare_driver(const DriverOptions& options);
std::unique_ptr<Driver> make_nats_driver(const DriverOptions& options);
std::unique_ptr<Driver> make_mqtt_driver(const DriverOptions& options);
std::unique_ptr<Driver> make_redis_driver(const DriverOptions& options);

}  // namespace onehop::loadgen
