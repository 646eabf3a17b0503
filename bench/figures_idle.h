// What a connection that rests costs: the private memory of the system over the number of its connections, while
// keepalives go to and fro.
#pragma once

#include <vector>

#include "figures_system.h"

namespace onehop::bench {

// Bytes for each connection: the slope of the line through the memory at these numbers of connections, which rise.
double idle_bytes(const System& system, const std::vector<size_t>& connections, uint32_t keepalive_ms);

}  // namespace onehop::bench
