// ArrivalRules: see the header.
#include "server/arrival_rules.h"

#include <algorithm>
#include <utility>

namespace onehop::server {
namespace {

AddressLimits::Limits address_limits_of(const BrokerOptions& options) {
  return {options.address_connections_max, options.address_connects_per_second, options.address_connects_burst,
          options.address_sessions_max};
}

}  // namespace

bool ProxyTrust::set(const std::vector<std::string>& proxy_from, std::string& error) {
  std::vector<reactor::Cidr> ranges;
  bool unix_sockets = false;
  for (const std::string& text : proxy_from) {
    if (text == "unix") {
      unix_sockets = true;
      continue;
    }
    const auto range = reactor::Cidr::parse(text, error);
    if (!range) {
      error.insert(0, "proxy_from: ");
      return false;
    }
    ranges.push_back(*range);
  }
  const std::lock_guard lock(mutex_);
  ranges_ = std::move(ranges);
  unix_sockets_ = unix_sockets;
  return true;
}

bool ProxyTrust::trusts(const reactor::SocketAddress& peer) const {
  const std::lock_guard lock(mutex_);
  const auto address = reactor::IpAddress::of(peer);
  if (!address) return unix_sockets_ && peer.is_unix();
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&](const reactor::Cidr& range) { return range.contains(*address); });
}

ArrivalRules::ArrivalRules(const BrokerOptions& options, unsigned shards, BrokerParts broker_parts)
    : parts(std::move(broker_parts)),
      tls(options.tls),
      handshakes(options.tls_handshakes_max),
      connections(options.connections_max, shards),
      addresses(address_limits_of(options)) {}

bool ArrivalRules::set(const BrokerOptions& options, std::string& error) {
  if (!options.listen_proxy.empty() && options.proxy_from.empty()) {
    error = "proxy_from: must say whose headers are believed on the addresses of listen_proxy";
    return false;
  }
  if (!proxies.set(options.proxy_from, error)) return false;
  addresses.set(address_limits_of(options));
  handshakes.set_max(options.tls_handshakes_max);
  return true;
}

}  // namespace onehop::server
