// Throttle: see the header.
#include "identity/throttle.h"

#include <arpa/inet.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace onehop::identity {

std::optional<Throttle::Source> Throttle::source_of(std::string_view peer) {
  constexpr std::string_view kScheme = "://";
  const size_t scheme = peer.find(kScheme);
  const size_t port = peer.rfind(':');
  if (scheme == std::string_view::npos || port == std::string_view::npos || port <= scheme) return std::nullopt;
  std::string host(peer.substr(scheme + kScheme.size(), port - scheme - kScheme.size()));
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  host = host.substr(0, host.find('%'));
  Source source = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (inet_pton(AF_INET, host.c_str(), source.data() + 12) == 1) return source;
  Source v6;
  if (inet_pton(AF_INET6, host.c_str(), v6.data()) != 1) return std::nullopt;
  if (std::equal(source.begin(), source.begin() + 12, v6.begin())) return v6;
  std::fill(v6.begin() + 8, v6.end(), uint8_t{0});
  return v6;
}

Throttle::Throttle() : slots_(kSets * kWays) {
  randombytes_buf(key_.data(), key_.size());
}

size_t Throttle::first_slot(const Source& source) const {
  uint64_t hash = 0;
  static_assert(crypto_shorthash_BYTES == sizeof hash && crypto_shorthash_KEYBYTES == 16);
  crypto_shorthash(reinterpret_cast<unsigned char*>(&hash), source.data(), source.size(), key_.data());
  return hash % kSets * kWays;
}

const Throttle::Slot* Throttle::find(const Source& source) const {
  const Slot* const first = &slots_[first_slot(source)];
  const Slot* const found = std::find_if(first, first + kWays, [&](const Slot& slot) { return slot.source == source; });
  return found == first + kWays ? nullptr : found;
}

uint32_t Throttle::wait_ms(const Source& source, uint64_t now_ms) const {
  const std::lock_guard lock(mutex_);
  const Slot* const slot = find(source);
  // With one more failure there may be kBurst of them.
  const uint64_t allowed_ms = now_ms + (kBurst - 1) * kEachMs;
  if (slot == nullptr || slot->clear_ms <= allowed_ms) return 0;
  // Nothing is refused for longer than this, so the clock was set back since.
  if (slot->clear_ms > now_ms + kBurst * kEachMs) return 0;
  return static_cast<uint32_t>(slot->clear_ms - allowed_ms);
}

void Throttle::failed(const Source& source, uint64_t now_ms) {
  const std::lock_guard lock(mutex_);
  const size_t first = first_slot(source);
  size_t slot = first;
  for (size_t i = first; i < first + kWays; ++i) {
    if (slots_[i].source == source) {
      slot = i;
      break;
    }
    if (slots_[i].clear_ms < slots_[slot].clear_ms) slot = i;
  }
  if (slots_[slot].source != source) slots_[slot] = {source, 0};
  // What is tried while it is refused is not counted, so it ends.
  const uint64_t most_ms = now_ms + kBurst * kEachMs;
  slots_[slot].clear_ms = std::min(std::max(slots_[slot].clear_ms, now_ms) + kEachMs, most_ms);
}

}  // namespace onehop::identity
