// What a broker is made of and no option says. An embedder gets the usual; tests start brokers of other parts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/limits.h"
#include "onehop/broker.h"
#include "transport/transport.h"

namespace onehop::server {

struct BrokerParts {
  // Makes the transport of each connection that is accepted; none: all are plain.
  transport::TransportFactory make_transport;
  // From the accept to the end of the Connect: PROXY header and handshake are within.
  uint64_t connect_ms_max = core::kConnectDeadlineMs;
  // How long a peer may keep a place for handshakes while none is left for others: several round trips, and far less
  // than connect_ms_max.
  uint64_t handshake_place_ms = 1'000;
};

// As Broker::start.
std::unique_ptr<Broker> start_broker(const BrokerOptions& options, const BrokerParts& parts, std::string& error);

}  // namespace onehop::server
