// Joins the outcomes of consecutive messages, so that the worker is told a whole batch at once.
#pragma once

#include <cstdint>
#include <string_view>

#include "loadgen/drivers/driver.h"

namespace onehop::loadgen {

class ToldRange {
 public:
  // The reason follows from the outcome, and the text must outlive this object.
  void add(uint64_t id, Outcome outcome, std::string_view reason, Inbox& inbox) {
    if (first_ == 0 || id != last_ + 1 || outcome != outcome_) {
      tell(inbox);
      first_ = id;
      outcome_ = outcome;
      reason_ = reason;
    }
    last_ = id;
  }

  // Tells the worker what was added, if anything was.
  void tell(Inbox& inbox) {
    if (first_ == 0) return;
    const uint64_t first = first_;
    first_ = 0;
    inbox.on_told(first, last_, outcome_, reason_);
  }

 private:
  uint64_t first_ = 0;  // 0 if there is nothing to tell.
  uint64_t last_ = 0;
  Outcome outcome_ = Outcome::kAdmitted;
  std::string_view reason_;
};

}  // namespace onehop::loadgen
