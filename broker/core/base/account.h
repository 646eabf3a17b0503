// An amount of memory that counts in one of its shard's totals, and leaves it with its owner.
#pragma once

#include <cstddef>
#include <cstdint>

namespace onehop::core {

class Account {
 public:
  // `total` outlives this.
  explicit Account(uint64_t& total) : total_(total) {}
  Account(const Account&) = delete;
  Account& operator=(const Account&) = delete;
  ~Account() { total_ -= bytes_; }

  size_t bytes() const { return bytes_; }
  void set(size_t bytes) {
    total_ += bytes - bytes_;
    bytes_ = bytes;
  }

 private:
  uint64_t& total_;
  size_t bytes_ = 0;
};

}  // namespace onehop::core
