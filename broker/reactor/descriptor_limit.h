// How many descriptors this process may have open: what bounds the number of connections.
#pragma once

#include <cstdint>

namespace onehop::reactor {

// The limit in force. ANY THREAD.
uint64_t descriptor_limit();

// Raises the limit in force to the hard limit, for the whole process: for programs to call at their start, never for
// the library on its own. Returns the limit then in force.
uint64_t raise_descriptor_limit();

}  // namespace onehop::reactor
