// AddressLimits: see the header.
#include "server/address_limits.h"

#include <algorithm>
#include <array>

namespace onehop::server {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kMillisecondNs = 1'000'000;
// Nobody knows when a connection of this address will end.
constexpr uint32_t kRetryWhenFullMs = 5'000;

// Whoever has one IPv6 address has all of its /64.
std::array<uint8_t, 16> key_of(const reactor::IpAddress& address) {
  std::array<uint8_t, 16> key = address.bytes;
  if (!address.is_ipv4()) std::fill(key.begin() + 8, key.end(), uint8_t{0});
  return key;
}

}  // namespace

void AddressLimits::set(const Limits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
  if (limits_.connects_burst == 0) limits_.connects_burst = limits_.connects_per_second;
  limits_sessions_.store(limits.sessions_max != 0, std::memory_order_relaxed);
  any_.store(limits.connections_max != 0 || limits.connects_per_second != 0, std::memory_order_relaxed);
}

AddressLimits::Refusal AddressLimits::take(const reactor::IpAddress& address, uint64_t now_ms) {
  const uint64_t now_ns = now_ms * kMillisecondNs;
  const std::lock_guard lock(mutex_);
  const auto [found, is_new] = entries_.try_emplace(key_of(address));
  Entry& entry = found->second;
  if (is_new) ++idle_;
  const Refusal refusal = judge(entry, now_ns);
  if (!refusal.text.empty()) {
    count_refusal();
    return refusal;  // Not new, or it would have been let in.
  }
  if (entry.is_idle()) --idle_;
  ++entry.connections;
  return refusal;
}

// Pays for the connection if it may begin.
AddressLimits::Refusal AddressLimits::judge(Entry& entry, uint64_t now_ns) const {
  if (limits_.connections_max != 0 && entry.connections >= limits_.connections_max) {
    return {"this address has all the connections it may have", kRetryWhenFullMs};
  }
  if (limits_.connects_per_second == 0) return {};
  const uint64_t price_ns = kSecondNs / limits_.connects_per_second;
  const uint64_t paid_ns = std::max(entry.paid_ns, now_ns);
  const uint64_t allowed_ns = now_ns + (limits_.connects_burst - 1) * price_ns;
  if (paid_ns > allowed_ns) {
    const uint64_t wait_ms = (paid_ns - allowed_ns + kMillisecondNs - 1) / kMillisecondNs;
    return {"this address connects too often", static_cast<uint32_t>(std::min<uint64_t>(wait_ms, UINT32_MAX))};
  }
  entry.paid_ns = paid_ns + price_ns;
  return {};
}

void AddressLimits::give_back(const reactor::IpAddress& address, uint64_t now_ms) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key_of(address));
  if (found == entries_.end() || found->second.connections == 0) return;
  --found->second.connections;
  leave(found, now_ms * kMillisecondNs);
}

AddressLimits::Refusal AddressLimits::refuse_session(const reactor::IpAddress& address) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key_of(address));
  const uint32_t sessions = found == entries_.end() ? 0 : found->second.sessions;
  if (limits_.sessions_max == 0 || sessions < limits_.sessions_max) return {};
  return {"this address has all the sessions it may have", kRetryWhenFullMs};
}

void AddressLimits::begin_session(const reactor::IpAddress& address) {
  const std::lock_guard lock(mutex_);
  const auto [found, is_new] = entries_.try_emplace(key_of(address));
  if (!is_new && found->second.is_idle()) --idle_;
  ++found->second.sessions;
}

void AddressLimits::end_session(const reactor::IpAddress& address, uint64_t now_ms) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key_of(address));
  if (found == entries_.end() || found->second.sessions == 0) return;
  --found->second.sessions;
  leave(found, now_ms * kMillisecondNs);
}

void AddressLimits::leave(absl::flat_hash_map<Key, Entry>::iterator entry, uint64_t now_ns) {
  if (entry->second.is_idle()) {
    if (entry->second.paid_ns <= now_ns) {
      entries_.erase(entry);
    } else {
      ++idle_;
    }
  }
  if (++ends_ >= ends_to_look_) forget_idle(now_ns);
}

// First those that lose nothing by it; if that leaves too many, all.
void AddressLimits::forget_idle(uint64_t now_ns) {
  const auto drop = [this](uint64_t paid_until_ns) {
    idle_ -= absl::erase_if(entries_, [paid_until_ns](const auto& entry) {
      return entry.second.is_idle() && entry.second.paid_ns <= paid_until_ns;
    });
  };
  drop(now_ns);
  if (idle_ > kIdleMax / 2) drop(UINT64_MAX);
  ends_ = 0;
  ends_to_look_ = std::max(kEndsToLookMin, idle_);
}

size_t AddressLimits::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace onehop::server
