// The keys of session tickets. A ticket is what a client brings back to resume a TLS session without a certificate; the
// server keeps nothing. New tickets are made with the youngest key. Keys are changed in time, so that one that leaks
// opens a few hours of tickets. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

namespace onehop::tls {

struct TicketKey {
  std::array<unsigned char, 16> name{};
  std::array<unsigned char, 32> cipher{};
  std::array<unsigned char, 32> authentication{};
};

class TicketKeys {
 public:
  static constexpr uint64_t kRotateMs = 3'600'000;
  // How long a ticket can be used: the keys before the youngest are kept for that.
  static constexpr uint32_t kLifetimeS = 7'200;

  // Makes a new key when it is time. `now_ms` is of any clock that does not go back, and always of the same one.
  void advance(uint64_t now_ms);
  // For new tickets. Nothing: no random numbers.
  std::optional<TicketKey> youngest();
  // The key that a ticket names; nothing: it is unknown or too old.
  std::optional<TicketKey> find(const unsigned char* name, bool& is_youngest) const;

 private:
  static constexpr size_t kKept = 3;

  bool make(TicketKey& key) const;

  std::atomic<uint64_t> due_ms_{0};
  mutable std::mutex mutex_;
  std::array<TicketKey, kKept> keys_;  // The youngest first.
  size_t count_ = 0;
};

}  // namespace onehop::tls
