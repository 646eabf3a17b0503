// How often checks may fail for one source address (IPv4: the address, IPv6: its /64). After kBurst failures an address
// is refused without a check, until kEachMs have passed for each failure beyond. The table has a fixed size: where
// there is no room, the address that has failed least is forgotten, so nobody can fill memory or lock others out. ANY
// THREAD.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace onehop::identity {

class Throttle {
 public:
  static constexpr uint64_t kBurst = 10;
  static constexpr uint64_t kEachMs = 2'000;
  static constexpr size_t kSets = 4'096;
  static constexpr size_t kWays = 4;

  // The part of an address whose failures are counted together. `peer` is `tcp://1.2.3.4:5` or `tcp://[2001:db8::1]:5`.
  // Nothing: the peer has no such address, and is never throttled.
  using Source = std::array<uint8_t, 16>;
  static std::optional<Source> source_of(std::string_view peer);

  Throttle();

  // How long to wait, in milliseconds, until credentials from this source may be checked. 0: they may be checked now.
  uint32_t wait_ms(const Source& source, uint64_t now_ms) const;
  void failed(const Source& source, uint64_t now_ms);

 private:
  struct Slot {
    Source source = {};
    uint64_t clear_ms = 0;  // When all failures are forgotten.
  };

  size_t first_slot(const Source& source) const;
  const Slot* find(const Source& source) const;

  std::array<uint8_t, 16> key_;  // So that nobody can choose addresses that share a set.
  mutable std::mutex mutex_;
  std::vector<Slot> slots_;
};

}  // namespace onehop::identity
