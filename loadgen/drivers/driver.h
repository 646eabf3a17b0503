// How the load generator talks to a system: one Driver for each protocol, which makes one Peer for each connection.
// Drivers are pure: bytes in, bytes out. Sockets, time, what to send and what to make of what arrives are the worker's.
//
//   worker → Peer:   open, write_message, ask_what_was_taken, write_keepalive, leave, and read(bytes that arrived)
//   Peer → worker:   Inbox, only from within read()
//
// A Peer answers by itself whatever its protocol wants answered (acknowledgements of deliveries, pongs), into the
// Output that read() is given: once for all that one read brought, where the protocol allows it, so that all systems
// get batches alike.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "loadgen/drivers/output.h"
#include "onehop/client_types.h"

namespace onehop::loadgen {

using client::Outcome;
using core::Bytes;

// What a system can be asked to tell a sender, from the least.
enum class Confirm : uint8_t {
  kNone,       // Nothing (onehop: id 0; MQTT: QoS 0; NATS and Redis pub/sub as they are).
  kTaken,      // That the broker took it, or refused it (onehop: REFUSALS; MQTT: QoS 1; Redis: the reply of PUBLISH).
  kDelivered,  // That the recipient acknowledged it, or what else became of it (onehop: DELIVERED).
};

// What goes with one message beside its payload.
struct Outgoing {
  Bytes to;         // The name of the recipient.
  uint64_t id = 0;  // Counts from 1 on each connection, without gaps; a Peer that tells outcomes names them by it.
  uint32_t ttl_ms = 0;
  // The message that this one answers, as Incoming gave it; 0: none.
  uint64_t in_reply_to = 0;
  uint64_t in_reply_to_session = 0;
};

// What came with one beside its payload; 0 where the protocol has no such thing.
struct Incoming {
  uint64_t id = 0;
  uint64_t session = 0;
};

// The worker's end of a connection.
class Inbox {
 public:
  // The connection is named and subscribed: messages may be sent, and come. `server` is the system's own name and
  // version, empty if it does not tell.
  virtual void on_ready(std::string_view server) = 0;
  virtual void on_message(Bytes payload, const Incoming& incoming) = 0;
  // What became of the messages with the ids from first to last, which were sent on this connection. `reason` is the
  // system's word for it ("QUEUE_FULL"), empty with kAdmitted and kDelivered. kAdmitted is said of those of them that
  // nothing else was told of before. Ids not sent, or otherwise told twice, are the worker's to complain about.
  virtual void on_told(uint64_t first_id, uint64_t last_id, Outcome outcome, std::string_view reason) = 0;
  // Send nothing to this client until on_resume, or for so long at the most.
  virtual void on_pause(Bytes to, uint32_t retry_after_ms) = 0;
  virtual void on_resume(Bytes to) = 0;
  // The system ends the connection in good order, or what it sends is not its protocol: one line for people. Nothing
  // else is told after it.
  virtual void on_ended(std::string_view why) = 0;

 protected:
  ~Inbox() = default;
};

// One connection. Not used again once its connection has ended: a reconnect makes a new one.
class Peer {
 public:
  virtual ~Peer() = default;

  // What a client begins with; Inbox::on_ready comes when all of it was granted.
  virtual void open(Output& out) = 0;

  // Whether one more message may be under way now: false while a window that the protocol has is full. Then on_told
  // makes room.
  virtual bool may_send() const { return true; }
  // Only after on_ready, and if may_send().
  virtual void write_message(Output& out, const Outgoing& message, Bytes payload) = 0;
  // Where the system tells of refusals only: has on_told(…, kAdmitted) come for what it took so far. The worker calls
  // it now and then while messages have no outcome. Nothing by default.
  virtual void ask_what_was_taken(Output& out) { static_cast<void>(out); }

  // Reads the whole units at the front of `in`; returns how many bytes those take. The rest is given again, with more
  // behind it.
  virtual size_t read(Bytes in, Inbox& inbox, Output& out) = 0;

  // Whatever shows that the client lives.
  virtual void write_keepalive(Output& out) = 0;
  // The client leaves in good order. The worker sends it, reads to the end of the stream, and closes.
  virtual void leave(Output& out) = 0;
};

struct DriverOptions {
  Confirm confirm = Confirm::kDelivered;
  uint32_t keepalive_ms = 30'000;  // The worker calls write_keepalive at half of it on a connection that is silent.
  size_t payload_bytes_max = 0;    // Of the largest message that will be sent.
  // Of each message; onehop only. What they name must outlive the driver.
  std::vector<client::Header> headers = {};
};

struct PeerOptions {
  std::string name;  // Letters, digits, '-' and '_'; at most 64 bytes. Unique among the connections of all processes.
  bool receives = true;  // Whether messages to the name are wanted on this connection.
};

class Driver {
 public:
  virtual ~Driver() = default;

  virtual std::unique_ptr<Peer> make_peer(PeerOptions options) = 0;

  // Whether senders hear of the fate of single messages by on_told, at the confirm level asked for.
  virtual bool tells() const = 0;
  // False for a system without names, which joins the first connection to the second, the third to the fourth …:
  // connections are then made one after the other.
  virtual bool routes_by_name() const { return true; }
  // The largest payload it can carry.
  virtual size_t message_bytes_max() const { return size_t{64} << 20; }
};

// Each reports an unsupported confirm level by throwing std::invalid_argument with a line for people.
std::unique_ptr<Driver> make_onehop_driver(const DriverOptions& options);
std::unique_ptr<Driver> make_blind_driver(const DriverOptions& options);
std::unique_ptr<Driver> make_bare_driver(const DriverOptions& options);
std::unique_ptr<Driver> make_nats_driver(const DriverOptions& options);
std::unique_ptr<Driver> make_mqtt_driver(const DriverOptions& options);
std::unique_ptr<Driver> make_redis_driver(const DriverOptions& options);

}  // namespace onehop::loadgen
