// ConnectionLimit: see the header.
#include "server/connection_limit.h"

#include <algorithm>

#include "reactor/descriptor_limit.h"
#include "reactor/lingering_close.h"

namespace onehop::server {
namespace {

// Standard streams, the log, and all that onehopd's admin port may hold (64 connections, and 64 that linger); for each
// shard its loop (epoll, wake-up) and its listeners.
constexpr uint64_t kReserve = 32 + 128;
constexpr uint64_t kReservePerShard = 16;

}  // namespace

ConnectionLimit::ConnectionLimit(uint64_t connections_max, unsigned shards) {
  const uint64_t descriptors = reactor::descriptor_limit();
  // A sixteenth of all descriptors for goodbyes.
  lingering_max_ =
      static_cast<size_t>(std::clamp<uint64_t>(descriptors / 16 / shards, 4, reactor::LingeringClose::kConnectionsMax));
  const uint64_t reserve = kReserve + shards * (kReservePerShard + lingering_max_);
  const uint64_t possible = std::max(descriptors > reserve ? descriptors - reserve : 0, descriptors / 4);
  max_ = connections_max == 0 ? possible : std::min(connections_max, possible);
}

}  // namespace onehop::server
