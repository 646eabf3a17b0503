// What the comparison's generator and a system under measurement say to each other. One codec for each wire protocol;
// the generator itself knows none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/bytes.h"

namespace onehop::bench {

using core::Bytes;

// What a codec finds in the bytes of one connection, in their order.
class Inbox {
 public:
  virtual void on_greeted() = 0;
  // A tag of 0: no acknowledgement is wanted.
  virtual void on_message(Bytes payload, uint64_t tag) = 0;
  // The messages with these ids were acknowledged; or found nobody.
  virtual void on_told(uint64_t first_id, uint64_t last_id, bool delivered) = 0;
  // Behind what it told: the number of the receipts, to be acknowledged if it is not 0.
  virtual void on_receipts(uint64_t seq) = 0;
  // To be sent back on this connection.
  virtual void on_reply(Bytes reply) = 0;

 protected:
  ~Inbox() = default;
};

class Codec {
 public:
  virtual ~Codec() = default;

  // How a client with this name begins; empty where there are no names. 0: the system's own keepalive.
  virtual std::string greeting(const std::string& name, uint32_t keepalive_ms) const = 0;
  // Room for any message of this many bytes to a name of at most kNameBytesMax.
  virtual size_t message_bytes_max(size_t payload_bytes) const = 0;
  // Writes one message at `out`; returns its end. An id of 0: nothing is to be told about it.
  virtual char* write_message(char* out, Bytes to, uint64_t id, bool confirmed, Bytes payload) const = 0;
  // Writes what a client acknowledges, where the protocol has that: tags and receipts up to these; 0: none. Takes at
  // most kAckBytesMax.
  virtual char* write_ack(char* out, uint64_t tags_up_to, uint64_t receipts_up_to) const = 0;
  // Tells `inbox` of each whole unit at the front of `in`; returns how many bytes those take.
  virtual size_t read(Bytes in, Inbox& inbox) const = 0;

  static constexpr size_t kNameBytesMax = 32;
  static constexpr size_t kAckBytesMax = 64;
};

// onehop's own frames. `greets` is false for a forwarder, which passes them on without knowing names.
std::unique_ptr<Codec> onehop_codec(bool greets);

}  // namespace onehop::bench
