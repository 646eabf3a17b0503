// Who makes the transports of a listener's connections: TLS, for a broker that links it. The broker's library knows no
// more of it than this.
#pragma once

#include <cstdint>
#include <memory>

#include "transport/transport.h"

namespace onehop {

class TransportSecurity {
 public:
  virtual ~TransportSecurity() = default;

  // The server's side of a connection that was accepted. `now_ms` is of a clock that does not go back, the same one in
  // every call. Any thread.
  virtual std::unique_ptr<transport::Transport> accept(uint64_t now_ms) = 0;
};

}  // namespace onehop
