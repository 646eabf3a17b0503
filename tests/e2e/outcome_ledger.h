// What one sender has been told of its confirmed messages, held against what it sent. Anything that docs/delivery.md
// does not allow (an outcome for what was never sent, a second one, a gap in seq, a repeat that says something else) is
// a problem, in words.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "onehop/v1/onehop.pb.h"

namespace onehop::test {

class OutcomeLedger {
 public:
  struct Entry {
    v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;  // Open.
    v1::Reason reason = v1::REASON_UNSPECIFIED;
    bool attempted = false;
    bool confirmed = false;  // Others are told of by refusals without a seq, or not at all.
    uint32_t frame_bytes = 0;

    bool open() const { return confirmed && outcome == v1::OUTCOME_UNSPECIFIED; }
  };

  // The next id, from 1 on, for a message whose frame will have so many bytes.
  uint64_t add(uint32_t frame_bytes, bool confirmed = true);
  // For who knows the size only when the id is in.
  void set_frame_bytes(uint64_t id, uint32_t frame_bytes);
  // Returns the ids that were settled by it.
  std::vector<uint64_t> take(const v1::Receipts& receipts);

  uint64_t sent() const { return entries_.size(); }
  const Entry& entry(uint64_t id) const { return entries_.at(id - 1); }
  // Messages without an outcome, and the sum of their frames.
  uint64_t open() const { return open_; }
  uint64_t open_bytes() const { return open_bytes_; }
  // The highest seq told, without gaps.
  uint64_t seq() const { return seq_; }
  // How many have this outcome.
  uint64_t count(v1::Outcome outcome) const;
  // "1000 sent: 990 DELIVERED, 10 LOST(CONNECTION_LOST)", for people.
  std::string summary() const;
  // The first of them.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  void settle(uint64_t id, const v1::Receipt& receipt, bool repeat);
  void problem(const std::string& what);

  std::vector<Entry> entries_;
  uint64_t open_ = 0;
  uint64_t open_bytes_ = 0;
  uint64_t seq_ = 0;
  std::vector<std::string> problems_;
};

}  // namespace onehop::test
