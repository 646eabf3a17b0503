// OutcomeLedger: see the header.
#include "outcome_ledger.h"

#include <algorithm>
#include <utility>

namespace onehop::test {
namespace {

constexpr size_t kProblemsMax = 20;

std::string describe(v1::Outcome outcome, v1::Reason reason) {
  const auto without = [](const std::string& name, const std::string& prefix) { return name.substr(prefix.size()); };
  if (outcome == v1::OUTCOME_UNSPECIFIED) return "open";
  std::string text = without(v1::Outcome_Name(outcome), "OUTCOME_");
  if (reason != v1::REASON_UNSPECIFIED) text += "(" + without(v1::Reason_Name(reason), "REASON_") + ")";
  return text;
}

}  // namespace

uint64_t OutcomeLedger::add(uint32_t frame_bytes, bool confirmed) {
  Entry& entry = entries_.emplace_back();
  entry.confirmed = confirmed;
  entry.frame_bytes = frame_bytes;
  if (confirmed) {
    ++open_;
    open_bytes_ += frame_bytes;
  }
  return entries_.size();
}

void OutcomeLedger::set_frame_bytes(uint64_t id, uint32_t frame_bytes) {
  Entry& entry = entries_.at(id - 1);
  if (entry.confirmed) open_bytes_ += frame_bytes - entry.frame_bytes;
  entry.frame_bytes = frame_bytes;
}

std::vector<uint64_t> OutcomeLedger::take(const v1::Receipts& receipts) {
  std::vector<uint64_t> settled;
  const uint64_t seq = receipts.seq();
  const bool repeat = seq != 0 && seq <= seq_;
  if (seq > seq_ + 1) problem("receipts " + std::to_string(seq) + " came after " + std::to_string(seq_));
  if (seq != 0) seq_ = std::max(seq_, seq);
  for (const v1::Receipt& receipt : receipts.items()) {
    if (receipt.first_id() == 0 || receipt.last_id() < receipt.first_id() || receipt.last_id() > entries_.size()) {
      problem("an outcome for the ids " + std::to_string(receipt.first_id()) + " to " +
              std::to_string(receipt.last_id()) + ", of " + std::to_string(entries_.size()) + " sent");
      continue;
    }
    for (uint64_t id = receipt.first_id(); id <= receipt.last_id(); ++id) {
      if (entry(id).confirmed != (seq != 0))
        problem("message " + std::to_string(id) + ": told in the wrong kind of receipt");
      settle(id, receipt, repeat);
      if (!repeat) settled.push_back(id);
    }
  }
  return settled;
}

void OutcomeLedger::settle(uint64_t id, const v1::Receipt& receipt, bool repeat) {
  Entry& entry = entries_[id - 1];
  const std::string had = describe(entry.outcome, entry.reason);
  const std::string told = describe(receipt.outcome(), receipt.reason());
  if (receipt.outcome() == v1::OUTCOME_UNSPECIFIED)
    problem("message " + std::to_string(id) + ": no outcome in a receipt");
  if (repeat) {
    if (had != told) problem("message " + std::to_string(id) + ": " + had + ", and in the repeat " + told);
    return;
  }
  if (entry.outcome != v1::OUTCOME_UNSPECIFIED) {
    return problem("message " + std::to_string(id) + " has two outcomes: " + had + " and " + told);
  }
  if (entry.confirmed) {
    --open_;
    open_bytes_ -= entry.frame_bytes;
  }
  entry.outcome = receipt.outcome();
  entry.reason = receipt.reason();
  entry.attempted = receipt.attempted();
}

uint64_t OutcomeLedger::count(v1::Outcome outcome) const {
  return static_cast<uint64_t>(std::count_if(entries_.begin(), entries_.end(), [outcome](const Entry& entry) {
    return entry.confirmed && entry.outcome == outcome;
  }));
}

std::string OutcomeLedger::summary() const {
  std::map<std::string, uint64_t> counts;
  for (const Entry& entry : entries_) {
    if (entry.confirmed) ++counts[describe(entry.outcome, entry.reason)];
  }
  std::string text = std::to_string(entries_.size()) + " sent:";
  const char* separator = " ";
  for (const auto& [what, count] : counts) {
    text += separator + std::to_string(count) + " " + what;
    separator = ", ";
  }
  return text;
}

void OutcomeLedger::problem(const std::string& what) {
  if (problems_.size() < kProblemsMax) problems_.push_back(what);
}

}  // namespace onehop::test
