// Options: see the header.
#include "server/options.h"

#include <sodium/randombytes.h>

#include <algorithm>
#include <chrono>
#include <type_traits>
#include <variant>

#include "onehop/option_rules.h"
#include "server/cgroup_limits.h"

namespace onehop::server {
namespace {

// What is wrong with one option alone, such as "shards: must be 0 to 64". Empty if nothing is.
std::string wrong_with_range(const OptionRule& rule, const BrokerOptions& options) {
  if (rule.most == 0) return {};
  const bool in_range = std::visit(
      [&](auto place) {
        if constexpr (std::is_convertible_v<decltype(options.*place), int64_t>) {
          const auto value = static_cast<int64_t>(options.*place);
          const bool between = value >= static_cast<int64_t>(rule.least) && value <= static_cast<int64_t>(rule.most);
          return between || (rule.or_zero && value == 0);
        } else {
          return true;
        }
      },
      rule.place);
  if (in_range) return {};
  return std::string(rule.name) + ": must be " + (rule.or_zero ? "0, " : "") + std::to_string(rule.least) + " to " +
         std::to_string(rule.most);
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
  if (options.tls_handshakes_max == 0) options.tls_handshakes_max = defaults.tls_handshakes_max;
  if (options.memory_bytes_max == 0) options.memory_bytes_max = usable_memory_bytes() / 2;
  if (options.shards == 0 && options.loop != nullptr) options.shards = 1;
  if (options.shards == 0) options.shards = std::min<unsigned>(usable_cores(), core::kShardsMax);
  return options;
}

std::vector<std::string> all_wrong_with(const BrokerOptions& o) {
  std::vector<std::string> all;
  const auto must = [&all](bool holds, const char* wrong) {
    if (!holds) all.emplace_back(wrong);
  };
  must(!o.listen.empty() || !o.listen_proxy.empty(), "listen: no address is given");
  for (const OptionRule& rule : option_rules()) {
    if (std::string wrong = wrong_with_range(rule, o); !wrong.empty()) all.push_back(std::move(wrong));
  }
  must(o.loop == nullptr || o.shards == 1, "shards: must be 0 or 1 on a loop of the program's");
  must(o.loop == nullptr || !o.pin, "pin: cannot be set on a loop of the program's");
  must(o.loop == nullptr || o.spin_us == 0, "spin_us: must be 0 on a loop of the program's");
  must(o.queue_bytes_max / 4 >= o.frame_bytes_max, "queue_bytes_max: must be at least 4 x frame_bytes_max");
  const bool has_burst = o.client_bytes_per_second != 0 && o.client_bytes_burst != 0;
  must(!has_burst || o.client_bytes_burst >= o.frame_bytes_max, "client_bytes_burst: must be at least frame_bytes_max");
  must(o.memory_bytes_max >= 2 * uint64_t{o.queue_bytes_max}, "memory_bytes_max: must be at least 2 x queue_bytes_max");
  return all;
}

std::string wrong_with(const BrokerOptions& options) {
  const std::vector<std::string> all = all_wrong_with(options);
  return all.empty() ? std::string() : all.front();
}

std::string wrong_with_change(const BrokerOptions& now, const BrokerOptions& next) {
  for (const OptionRule& rule : option_rules()) {
    const bool same = std::visit([&](auto place) { return now.*place == next.*place; }, rule.place);
    if (!same && !rule.reloadable) return std::string(rule.name) + ": cannot change while the broker runs";
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
