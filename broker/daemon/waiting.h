// What a stopping broker waits for, in words for the log. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "onehop/inspection.h"

namespace onehop::daemon {

struct Waiting {
  uint64_t clients = 0;         // That are connected.
  uint64_t unacknowledged = 0;  // Messages that they have and have not acknowledged.
  std::string text;
};

// Of the clients that are left, in any order. There may be more than are on the page: then `unacknowledged` is of those
// on it. The text names those that have the most messages, and says how not to wait.
Waiting waiting_for(const ClientPage& page);

}  // namespace onehop::daemon
