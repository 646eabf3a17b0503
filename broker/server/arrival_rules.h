// What decides whether a connection or its client is let in, for all shards together: how many there may be, what one
// source address may do, whose PROXY headers are believed, which names are kept out, who the clients are, and whether
// the broker drains.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "onehop/broker.h"
#include "reactor/address.h"
#include "reactor/cidr.h"
#include "server/address_limits.h"
#include "server/barred_names.h"
#include "server/connection_limit.h"
#include "server/drain_switch.h"
#include "server/handshake_limit.h"
#include "server/parts.h"
#include "server/principal_table.h"
#include "transport/security.h"

namespace onehop::server {

// Whose PROXY headers are believed. Any thread.
class ProxyTrust {
 public:
  // As BrokerOptions::proxy_from. On failure what holds stays, and `error` says what is wrong.
  bool set(const std::vector<std::string>& proxy_from, std::string& error);
  bool trusts(const reactor::SocketAddress& peer) const;

  void count_refusal() { refusals_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t refusals() const { return refusals_.load(std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  std::vector<reactor::Cidr> ranges_;
  bool unix_sockets_ = false;
  std::atomic<uint64_t> refusals_{0};
};

struct ArrivalRules {
  ArrivalRules(const BrokerOptions& options, unsigned shards, BrokerParts broker_parts = {});

  // Those of `options` that may change: the address limits and proxy_from. Any thread. If one is wrong, nothing
  // changes, and `error` says why.
  bool set(const BrokerOptions& options, std::string& error);

  const BrokerParts parts;
  const std::shared_ptr<TransportSecurity> tls;  // None: no listener has TLS.
  HandshakeLimit handshakes;
  ConnectionLimit connections;
  AddressLimits addresses;
  ProxyTrust proxies;  // Of nobody, until set() says.
  BarredNames barred;
  DrainSwitch drain;
  PrincipalTable principals;
};

}  // namespace onehop::server
