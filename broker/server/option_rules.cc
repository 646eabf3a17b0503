// The rules: data only. See the header.
#include "onehop/option_rules.h"

#include "core/base/ids.h"
#include "core/base/limits.h"

namespace onehop {
namespace {

using B = BrokerOptions;

constexpr uint64_t kMost32 = UINT32_MAX;
constexpr uint64_t kMostInt = INT32_MAX;
constexpr uint64_t kMostTime = UINT32_MAX;
// Far beyond any machine, and far from where sums would overflow.
constexpr uint64_t kMostBytes = uint64_t{1} << 40;
constexpr uint64_t kMostMemory = uint64_t{1} << 50;
constexpr uint64_t kMostConnections = uint64_t{1} << 30;  // No kernel hands out more descriptors.
constexpr uint64_t kMostFrameBytes = 64 << 20;
constexpr uint64_t kMostWindow = 1'000'000;

// Whether an option may change while a broker runs.
constexpr bool kLive = true;
constexpr bool kFixed = false;

const OptionRule kRules[] = {
    {"listen", &B::listen, kFixed},
    {"listen_proxy", &B::listen_proxy, kFixed},
    {"proxy_from", &B::proxy_from, kLive},
    {"allow_plaintext", &B::allow_plaintext, kFixed},
    {"shards", &B::shards, kFixed, 0, core::kShardsMax},
    {"acceptors", &B::acceptors, kFixed, 0, core::kShardsMax},
    {"pin", &B::pin, kFixed},
    {"spin_us", &B::spin_us, kFixed, 0, 1'000'000},
    {"connections_max", &B::connections_max, kFixed, 0, kMostConnections},
    {"send_buffer_bytes", &B::send_buffer_bytes, kFixed, 0, kMostInt},
    {"receive_buffer_bytes", &B::receive_buffer_bytes, kFixed, 0, kMostInt},
    {"tls_handshakes_max", &B::tls_handshakes_max, kLive, 1, 100'000},
    {"address_connections_max", &B::address_connections_max, kLive, 0, kMost32},
    {"address_connects_per_second", &B::address_connects_per_second, kLive, 0, kMost32},
    {"address_connects_burst", &B::address_connects_burst, kLive, 0, kMost32},
    {"address_sessions_max", &B::address_sessions_max, kLive, 0, kMost32},
    {"client_messages_per_second", &B::client_messages_per_second, kLive, 0, kMost32},
    {"client_messages_burst", &B::client_messages_burst, kLive, 0, kMost32},
    {"client_bytes_per_second", &B::client_bytes_per_second, kLive, 0, kMostBytes},
    {"client_bytes_burst", &B::client_bytes_burst, kLive, 0, kMostBytes},
    {"memory_bytes_max", &B::memory_bytes_max, kLive, 0, kMostMemory},
    {"connection_age_ms_max", &B::connection_age_ms_max, kLive, 1'000, kMostTime, true},
    {"drain_delay_ms", &B::drain_delay_ms, kLive, 0, kMostTime},
    {"drain_spread_ms", &B::drain_spread_ms, kLive, 0, kMostTime},
    {"frame_bytes_max", &B::frame_bytes_max, kFixed, core::kFrameBytesMaxFloor, kMostFrameBytes},
    {"queue_bytes_max", &B::queue_bytes_max, kLive, 4 * core::kFrameBytesMaxFloor, kMost32},
    {"keepalive_ms", &B::keepalive_ms, kLive, 1'000, 600'000},
    {"slow_consumer_ms", &B::slow_consumer_ms, kLive, 1, kMostTime},
    {"pause_lease_ms", &B::pause_lease_ms, kLive, 1, kMostTime},
    {"send_window", &B::send_window, kFixed, 1, kMostWindow},
    {"receive_window", &B::receive_window, kLive, 1, 65'535},
    {"ack_timeout_ms", &B::ack_timeout_ms, kLive, 1, kMostTime},
    {"session_expiry_ms_max", &B::session_expiry_ms_max, kLive, 1, kMostTime},
    {"ttl_ms_max", &B::ttl_ms_max, kLive, 1, kMostTime},
    {"start_grace_ms", &B::start_grace_ms, kLive, 0, kMostTime},
};

}  // namespace

std::span<const OptionRule> option_rules() {
  return kRules;
}

}  // namespace onehop
