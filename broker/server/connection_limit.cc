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
  descriptors_ = reactor::descriptor_limit();
  // A sixteenth of all descriptors for goodbyes.
  lingering_max_ = static_cast<size_t>(
      std::clamp<uint64_t>(descriptors_ / 16 / shards, 4, reactor::LingeringClose::kConnectionsMax));
  const uint64_t reserve = kReserve + shards * (kReservePerShard + lingering_max_);
  const uint64_t possible = std::max(descriptors_ > reserve ? descriptors_ - reserve : 0, descriptors_ / 4);
  by_option_ = connections_max != 0 && connections_max <= possible;
  max_ = by_option_ ? connections_max : possible;
}

std::string ConnectionLimit::why_full() const {
  const std::string number = std::to_string(max_);
  if (by_option_) return "all " + number + " connections that connections_max allows are taken";
  return "no descriptor is left for another connection: all " + number + " connections that the limit of " +
         std::to_string(descriptors_) + " descriptors allows are taken";
}

}  // namespace onehop::server
