// The sessions of one shard that count for a source address, from their opening to their end, also while they are away.
// A table beside core's, so that a session costs nothing here unless there is a limit. The loop's thread only.
//
// What core makes of a Connect follows within the call in which it asks: the session is opened, resumed or refused. So
// one link at a time is remembered, with its address: asked for once more, the kernel might not know it any more.
#pragma once

#include <cstdint>
#include <optional>

#include <absl/container/flat_hash_map.h>

#include "core/shard/seam.h"
#include "reactor/address.h"
#include "reactor/cidr.h"
#include "server/address_limits.h"

namespace onehop::server {

class CountedSessions {
 public:
  // `limits` outlives this.
  explicit CountedSessions(AddressLimits& limits) : limits_(limits) {}

  bool wanted() const { return limits_.limits_sessions(); }
  // Core asks about a client that comes from `peer`, of no family if it has gone again. Returns what it is told if it
  // would be one more.
  core::Refusal ask(core::HostLink link, const reactor::SocketAddress& peer);
  // Core notes what became of it. A session counts where it was opened, wherever it is resumed from.
  void opened(core::HostLink link, uint64_t session);
  void refused(core::HostLink link, uint32_t code);
  void ended(uint64_t session, uint64_t now_ms);

 private:
  AddressLimits& limits_;
  absl::flat_hash_map<uint64_t, reactor::IpAddress> addresses_;  // By the session's number.
  // Whoever was asked about last: where it comes from, if that counts, and whether it would be one too many.
  core::HostLink asked_;
  std::optional<reactor::IpAddress> address_;
  bool too_many_ = false;
};

}  // namespace onehop::server
