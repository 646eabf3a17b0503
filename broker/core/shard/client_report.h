// What is told of clients to those who run the broker: which of them, in what order, and how busy they are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/shard/seam.h"

namespace onehop::core {

// Whether a client may send to another one, as far as its host has said so.
enum class KnownPermission : uint8_t { kAllowed, kDenied, kUnknown };

enum class ClientOrder : uint8_t { kName, kQueueBytes, kSendRate, kReceiveRate, kIdle };

struct ClientSearch {
  std::string name_part;  // Of names that contain this; empty: all.
  ClientOrder order = ClientOrder::kName;
  size_t top = 0;  // How many are wanted, from the first in this order.
};

struct ClientState {
  std::string name;
  Origin origin;
  uint64_t session = 0;
  HostLink link;  // 0 while it is away.
  uint64_t connected_ms = 0;
  uint64_t idle_ms = 0;
  uint64_t queue_bytes = 0;
  uint64_t waiting_messages = 0;
  uint64_t unacknowledged = 0;
  uint32_t receive_window = 0;
  bool window_open = true;
  bool blocked = false;
  uint64_t open_sent = 0;
  uint64_t messages_sent = 0;
  uint64_t messages_received = 0;
  double sent_per_second = 0;
  double received_per_second = 0;
  uint32_t paused_senders = 0;
  uint32_t closed_gates = 0;
};

struct ClientsFound {
  std::vector<ClientState> top;
  size_t found = 0;  // How many match, among the top or not.
};

// What stands between a sender and a recipient.
struct SenderState {
  bool paused = false;
  bool gate_closed = false;
};

// What `order` sorts by; by name: nothing.
template <typename Client>
double order_key(ClientOrder order, const Client& client) {
  switch (order) {
    case ClientOrder::kName:
      return 0;
    case ClientOrder::kQueueBytes:
      return static_cast<double>(client.queue_bytes);
    case ClientOrder::kSendRate:
      return client.sent_per_second;
    case ClientOrder::kReceiveRate:
      return client.received_per_second;
    case ClientOrder::kIdle:
      return static_cast<double>(client.idle_ms);
  }
  return 0;
}
// Whether `a` is listed before `b`: the one with more comes first; equal ones are in the order of their names. `Client`
// is ClientState, or what the host makes of it.
template <typename Client>
bool comes_before(ClientOrder order, const Client& a, const Client& b) {
  const double key_a = order_key(order, a);
  const double key_b = order_key(order, b);
  return key_a != key_b ? key_a > key_b : a.name < b.name;
}

// What clients had sent and received when they were last looked at, by the slot of their session. Takes memory once
// somebody looks, as much as the highest slot looked at.
class RateSamples {
 public:
  struct Rates {
    double sent = 0;
    double received = 0;
  };
  // Messages a second since the last look at this session, if that is one second to one minute ago. Sooner: as told
  // then. Later, or the first time: 0.
  Rates look(SessionId session, uint64_t sent, uint64_t received, Instant now);

 private:
  struct Sample {
    uint64_t sent = 0;
    uint64_t received = 0;
    Instant at;
    float sent_rate = 0;
    float received_rate = 0;
    uint32_t generation = 0;
  };
  std::vector<Sample> samples_;
};

}  // namespace onehop::core
