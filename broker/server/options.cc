// Options: see the header.
#include "server/options.h"

#include <sodium/randombytes.h>

#include <algorithm>
#include <chrono>

#include "server/cgroup_limits.h"

namespace onehop::server {
namespace {

// Far beyond any machine, and far from where sums would overflow.
constexpr uint64_t kRateMax = uint64_t{1} << 40;

std::string wrong_with_protection(const BrokerOptions& o) {
  if (o.client_bytes_per_second > kRateMax) return "client_bytes_per_second: at most " + std::to_string(kRateMax);
  if (o.client_bytes_burst > kRateMax) return "client_bytes_burst: at most " + std::to_string(kRateMax);
  if (o.client_bytes_per_second != 0 && o.client_bytes_burst != 0 && o.client_bytes_burst < o.frame_bytes_max) {
    return "client_bytes_burst: must be at least frame_bytes_max";
  }
  if (o.memory_bytes_max < 2 * uint64_t{o.queue_bytes_max}) {
    return "memory_bytes_max: must be at least 2 x queue_bytes_max";
  }
  if (o.connection_age_ms_max != 0 && o.connection_age_ms_max < 1'000) {
    return "connection_age_ms_max: must be 0 or at least 1000";
  }
  return {};
}

}  // namespace

BrokerOptions with_defaults(BrokerOptions options) {
  const BrokerOptions defaults;
  for (uint32_t BrokerOptions::*limit :
       {&BrokerOptions::frame_bytes_max, &BrokerOptions::queue_bytes_max, &BrokerOptions::keepalive_ms,
        &BrokerOptions::slow_consumer_ms, &BrokerOptions::pause_lease_ms, &BrokerOptions::send_window,
        &BrokerOptions::receive_window, &BrokerOptions::ack_timeout_ms, &BrokerOptions::session_expiry_ms_max,
        &BrokerOptions::ttl_ms_max}) {
    if (options.*limit == 0) options.*limit = defaults.*limit;
  }
  if (options.memory_bytes_max == 0) options.memory_bytes_max = usable_memory_bytes() / 2;
  if (options.shards == 0) options.shards = std::min<unsigned>(usable_cores(), core::kShardsMax);
  return options;
}

std::string wrong_with(const BrokerOptions& o) {
  if (o.listen.empty() && o.listen_proxy.empty()) return "listen: no address is given";
  if (o.shards > core::kShardsMax) return "shards: at most " + std::to_string(core::kShardsMax);
  if (o.frame_bytes_max < core::kFrameBytesMaxFloor || o.frame_bytes_max > (64u << 20)) {
    return "frame_bytes_max: must be 16384 to 67108864";
  }
  if (o.queue_bytes_max / 4 < o.frame_bytes_max) return "queue_bytes_max: must be at least 4 x frame_bytes_max";
  if (o.keepalive_ms < 1'000 || o.keepalive_ms > 600'000) return "keepalive_ms: must be 1000 to 600000";
  if (o.spin_us > 1'000'000) return "spin_us: at most 1000000";
  if (o.send_window > 1'000'000) return "send_window: at most 1000000";
  if (o.receive_window > core::Limits().receive_window_max) return "receive_window: at most 65535";
  return wrong_with_protection(o);
}

std::string wrong_with_change(const BrokerOptions& now, const BrokerOptions& next) {
  const auto fixed = [](bool same, const char* name) {
    return same ? std::string() : std::string(name) + ": cannot change while the broker runs";
  };
  for (const std::string& wrong : {
           fixed(now.listen == next.listen, "listen"),
           fixed(now.listen_proxy == next.listen_proxy, "listen_proxy"),
           fixed(now.allow_plaintext == next.allow_plaintext, "allow_plaintext"),
           fixed(now.shards == next.shards, "shards"),
           fixed(now.acceptors == next.acceptors, "acceptors"),
           fixed(now.pin == next.pin, "pin"),
           fixed(now.spin_us == next.spin_us, "spin_us"),
           fixed(now.connections_max == next.connections_max, "connections_max"),
           fixed(now.send_buffer_bytes == next.send_buffer_bytes, "send_buffer_bytes"),
           fixed(now.receive_buffer_bytes == next.receive_buffer_bytes, "receive_buffer_bytes"),
           fixed(now.frame_bytes_max == next.frame_bytes_max, "frame_bytes_max"),
           fixed(now.send_window == next.send_window, "send_window"),
       }) {
    if (!wrong.empty()) return wrong;
  }
  return {};
}

core::Limits limits_of(const BrokerOptions& options) {
  core::Limits limits;
  limits.frame_bytes_max = options.frame_bytes_max;
  limits.queue_bytes_max = options.queue_bytes_max;
  limits.keepalive_ms_default = options.keepalive_ms;
  limits.slow_consumer_ms = options.slow_consumer_ms;
  limits.pause_lease_ms = options.pause_lease_ms;
  limits.send_window = options.send_window;
  limits.receive_window_default = options.receive_window;
  limits.ack_timeout_ms = options.ack_timeout_ms;
  limits.session_expiry_ms_max = options.session_expiry_ms_max;
  limits.ttl_ms_max = options.ttl_ms_max;
  limits.memory_bytes_max = options.memory_bytes_max;
  limits.messages_per_second = options.client_messages_per_second;
  limits.messages_burst = options.client_messages_burst;
  limits.bytes_per_second = options.client_bytes_per_second;
  limits.bytes_burst = options.client_bytes_burst;
  limits.connection_age_ms_max = options.connection_age_ms_max;
  limits.start_grace_ms = options.start_grace_ms;
  return limits;
}

core::ShardConfig shard_config(const BrokerOptions& options, unsigned shards) {
  core::ShardConfig config;
  config.count = static_cast<core::ShardIndex>(shards);
  config.limits = limits_of(options);
  randombytes_buf(config.hash_key.data(), config.hash_key.size());
  randombytes_buf(config.token_key.data(), config.token_key.size());
  // Microseconds: fewer sessions begin than microseconds pass, so a restarted broker begins above what it used.
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  config.first_session =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count());
  config.server = "onehop/" ONEHOP_VERSION;
  return config;
}

}  // namespace onehop::server
