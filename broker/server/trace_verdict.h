// Would a message arrive, and if not, why not? Words for people, from facts. Pure.
#pragma once

#include <cstdint>

#include "core/shard/client_report.h"
#include "onehop/inspection.h"

namespace onehop::server {

// Beside what a Trace says already.
struct RouteFacts {
  bool answered = false;  // The recipient's shard has.
  bool draining = false;
  bool window_open = true;
  unsigned memory_stage = 0;
  uint64_t queue_bytes_max = 0;
  core::KnownPermission permission = core::KnownPermission::kAllowed;
};

// Sets would_arrive, why and reason.
void judge(const RouteFacts& facts, Trace& trace);

}  // namespace onehop::server
