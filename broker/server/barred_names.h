// Names that an operator keeps out for a while. Memory is bounded: of more than kNamesMax names the one that was barred
// first goes. A name whose time is over stays in the list until it is barred anew, freed, or pushed out. Any thread;
// while the list is empty, asking costs one atomic load.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace onehop::server {

class BarredNames {
 public:
  static constexpr size_t kNamesMax = 1'024;

  // From now on until `until_ms`; what was said of the name before counts no more. 0: it is not barred any more.
  void bar(std::string_view name, uint64_t until_ms);
  // For how long still; 0: it is not barred.
  uint64_t left_ms(std::string_view name, uint64_t now_ms) const;

 private:
  struct Barred {
    std::string name;
    uint64_t until_ms;
  };

  mutable std::mutex mutex_;
  std::vector<Barred> names_;  // The one that was barred first comes first.
  std::atomic<bool> any_{false};
};

}  // namespace onehop::server
