// What an embedder asks for, before anything is started: defaults filled in, checked, and as core wants it.
#pragma once

#include <string>
#include <vector>

#include "core/shard/shard_config.h"
#include "onehop/broker.h"
#include "reactor/address.h"

namespace onehop::server {

// For limits, 0 means the default.
BrokerOptions with_defaults(BrokerOptions options);

// What is wrong with the options, or nothing. Of options with defaults.
std::string wrong_with(const BrokerOptions& options);
// Everything that is wrong with the options, a line for each; empty if nothing is. Of options with defaults.
std::vector<std::string> all_wrong_with(const BrokerOptions& options);

// What is wrong with listening on the TLS address `text`; or nothing.
std::string wrong_with_tls(const std::string& text, const BrokerOptions& options);
// What is wrong with listening without encryption on `address`, written as `text`; or nothing.
std::string wrong_with_plaintext(const std::string& text, const reactor::SocketAddress& address, bool allow_plaintext);

// Why `next` cannot take the place of `now` while the broker runs: names the option. Or nothing. Both with defaults.
std::string wrong_with_change(const BrokerOptions& now, const BrokerOptions& next);

// Limits of a shard, as far as options decide them.
core::Limits limits_of(const BrokerOptions& options);

// For `shards` shards; the index is left to the caller.
core::ShardConfig shard_config(const BrokerOptions& options, unsigned shards);

}  // namespace onehop::server
