// The last thousand ends of sessions and connections, for operators who ask what became of a client. Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "onehop/inspection.h"

namespace onehop::server {

class RecentEnds {
 public:
  static constexpr size_t kKept = 1'024;

  // What is noted has the same fields as what is told; the oldest makes room.
  struct End {
    EndHow how = EndHow::kSessionEnded;
    std::string_view name;
    uint64_t session = 0;
    unsigned shard = 0;
    std::string_view peer;
    Code code = Code::kNone;
    std::string_view text;
  };
  void note(const End& end);

  // Newest first: at most `limit` of those whose name contains `name_part`.
  std::vector<RecentEnd> find(size_t limit, std::string_view name_part) const;
  // The newest of exactly this name.
  bool last_of(std::string_view name, RecentEnd& out) const;

 private:
  // The newest is number `count_ - 1`, in place `number % kKept`.
  const RecentEnd& number(uint64_t n) const { return ends_[n % kKept]; }

  mutable std::mutex mutex_;
  std::vector<RecentEnd> ends_;
  uint64_t count_ = 0;
};

}  // namespace onehop::server
