// See the header.
#include "tls/ticket_keys.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

namespace onehop::tls {

void TicketKeys::advance(uint64_t now_ms) {
  if (now_ms < due_ms_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  const uint64_t due_ms = due_ms_.load(std::memory_order_relaxed);
  if (now_ms < due_ms) return;
  // A broker that nobody has come to for hours forgets all of them.
  const uint64_t missed = due_ms == 0 ? 1 : 1 + (now_ms - due_ms) / kRotateMs;
  due_ms_.store(now_ms + kRotateMs, std::memory_order_relaxed);
  TicketKey key;
  if (!make(key)) return;
  if (missed >= kKept) count_ = 0;
  std::copy_backward(keys_.begin(), keys_.end() - 1, keys_.end());
  keys_.front() = key;
  count_ = std::min(count_ + 1, kKept);
}

std::optional<TicketKey> TicketKeys::youngest() {
  const std::lock_guard lock(mutex_);
  if (count_ == 0) {
    if (!make(keys_.front())) return std::nullopt;
    count_ = 1;
  }
  return keys_.front();
}

std::optional<TicketKey> TicketKeys::find(const unsigned char* name, bool& is_youngest) const {
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < count_; ++i) {
    if (std::memcmp(keys_[i].name.data(), name, keys_[i].name.size()) != 0) continue;
    is_youngest = i == 0;
    return keys_[i];
  }
  return std::nullopt;
}

bool TicketKeys::make(TicketKey& key) const {
  return RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1 &&
         RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) == 1 &&
         RAND_priv_bytes(key.authentication.data(), static_cast<int>(key.authentication.size())) == 1;
}

}  // namespace onehop::tls
