// See the header.
#include "loadgen/report/verdict.h"

#include <algorithm>
#include <array>

#include "loadgen/measure/quantity.h"
#include "loadgen/measure/text.h"
#include "loadgen/report/print.h"
#include "loadgen/report/scenario_report.h"
#include "loadgen/report/threshold.h"

namespace onehop::loadgen {
namespace {

enum class Kind : uint8_t { kCannotBe, kNotDone, kNotIssued };

struct Failure {
  Kind kind;
  std::string text;
};

struct Count {
  std::string_view metric;  // The name that --allow uses.
  std::string_view words;
  uint64_t count = 0;
  Kind kind = Kind::kNotDone;
};

// The conditions of --allow.
class Allowed {
 public:
  explicit Allowed(const RunResult& result) : result_(result) {
    for (const std::string& text : result.allowed) {
      std::string error;
      if (auto parsed = Threshold::parse_allowance(text, error)) conditions_.push_back(*std::move(parsed));
    }
  }

  // Whether --allow names this metric and all of its conditions hold.
  bool permits(std::string_view metric) const {
    const auto is_for = [&](const Threshold& condition) { return condition.metric() == metric; };
    return std::any_of(conditions_.begin(), conditions_.end(), is_for) && broken_for(metric).empty();
  }
  // The conditions for this metric that do not hold: " (more than 'lost<1%' allows)".
  std::string broken_for(std::string_view metric) const {
    std::string words;
    for (const Threshold& condition : conditions_) {
      if (condition.metric() != metric || condition.check(result_).kept) continue;
      words += concat(" (more than '", condition.text(), "' allows)");
    }
    return words;
  }

 private:
  const RunResult& result_;
  std::vector<Threshold> conditions_;
};

std::vector<Count> ways_not_delivered(const RunResult& result) {
  const Account& account = result.account;
  const Account::Provoked& provoked = account.provoked;
  const uint64_t missed = result.sends() ? result.generator.missed_arrivals : 0;
  return {{"rejected", "rejected", account.rejected - std::min(account.rejected, provoked.rejected)},
          {"expired", "expired", account.expired - std::min(account.expired, provoked.expired)},
          {"lost", "lost", account.lost},
          {"unknown", "unknown", account.unknown},
          {"not_sent", "not sent", account.not_sent - std::min(account.not_sent, provoked.not_sent)},
          {"not_sent", "never issued", missed, Kind::kNotIssued},
          {"not_arrived", "not arrived within --drain",
           account.not_arrived - std::min(account.not_arrived, provoked.not_arrived)},
          {"unexplained", "UNEXPLAINED", account.unexplained, Kind::kCannotBe}};
}

std::vector<Count> others(const RunResult& result) {
  const Account& account = result.account;
  const Connections& connections = result.connections;
  std::vector<Count> counts = {
      {"not_told", "outcomes were promised and not told within --drain", account.not_told},
      {"unopened", "connections were wanted and never open", connections.unopened},
      {"broken", "connections broke", connections.broken},
      {"silent", "clients gave no sign of life at the end", connections.silent},
      {"duplicates", "messages were delivered more than once", account.duplicates, Kind::kCannotBe},
      {"out_of_order", "messages were delivered out of order", account.out_of_order, Kind::kCannotBe},
      {"corrupted", "messages arrived corrupted", account.corrupted, Kind::kCannotBe},
      {"misdirected", "messages came to another client", account.misdirected, Kind::kCannotBe},
      {"untold", "messages were delivered, and their senders were never told", account.untold, Kind::kCannotBe},
      {"contradicted", "messages had an outcome that is not what happened", account.contradicted, Kind::kCannotBe}};
  if (!result.sends()) {
    counts.push_back(
        {"not_sent", "connections were due and never begun", result.generator.missed_arrivals, Kind::kNotIssued});
  }
  return counts;
}

// Adds one line about everything that was planned and not delivered.
void add_undelivered(const RunResult& result, const Allowed& allowed, std::vector<Failure>& found) {
  const bool all_permitted = allowed.permits("undelivered") || allowed.permits("errors");
  Kind kind = Kind::kNotIssued;
  uint64_t sum = 0;
  std::vector<std::string> parts;
  std::string beyond = allowed.broken_for("undelivered") + allowed.broken_for("errors");
  for (const Count& count : ways_not_delivered(result)) {
    const bool permitted = allowed.permits(count.metric) ||
                           (all_permitted && allowed.broken_for(count.metric).empty() && count.kind != Kind::kCannotBe);
    if (count.count == 0 || permitted) continue;
    sum += count.count;
    kind = std::min(kind, count.kind);
    parts.push_back(concat(print_count(count.count), " ", count.words));
    beyond += allowed.broken_for(count.metric);
  }
  if (sum == 0) return;
  found.push_back({kind, concat(print_count(sum), " of ", print_count(result.planned()),
                                " planned messages were not delivered: ", joined(parts, ", "), beyond)});
}

// Undelivered messages are part of a search. Faults are failures in a search as well.
std::vector<Failure> of_search(const Capacity& capacity, const std::vector<Failure>& of_step) {
  std::vector<Failure> found;
  if (!capacity.unfinished.empty()) {
    found.push_back(
        {Kind::kNotDone, concat("the search for the capacity ended before it had found it: ", capacity.unfinished)});
  } else if (capacity.rate <= 0) {
    found.push_back({Kind::kNotDone, describe_knee(capacity)});
  }
  for (const Failure& failure : of_step) {
    if (failure.kind == Kind::kCannotBe) found.push_back(failure);
  }
  return found;
}

std::vector<Failure> all_failures(const RunResult& result) {
  std::vector<Failure> found;
  const Allowed allowed(result);
  if (result.sends() && result.planned() == 0)
    found.push_back({Kind::kNotDone, "no message was due, so that nothing was measured"});
  if (!result.ended_early.empty()) {
    found.push_back({Kind::kNotDone, concat("the run was ended early: ", result.ended_early)});
  }
  for (const CommandResult& command : result.commands) {
    if (command.is_good()) continue;
    found.push_back(
        {Kind::kNotDone, concat("a command of --at did not do its work, so that the run does not show what it "
                                "was made for: '",
                                command.command, "' ", describe_end(command))});
  }
  add_undelivered(result, allowed, found);
  for (const Count& count : others(result)) {
    if (count.count == 0 || allowed.permits(count.metric)) continue;
    found.push_back({count.kind, concat(print_count(count.count), " ", count.words, allowed.broken_for(count.metric))});
  }
  return result.capacity ? of_search(*result.capacity, found) : found;
}

}  // namespace

std::vector<std::string> failures(const RunResult& result) {
  std::vector<std::string> lines;
  for (const Failure& failure : all_failures(result)) lines.push_back(failure.text);
  return lines;
}

ExitCode exit_code_of(const RunResult& result) {
  const std::vector<Failure> found = all_failures(result);
  const auto has = [&](Kind kind) {
    return std::any_of(found.begin(), found.end(), [&](const Failure& failure) { return failure.kind == kind; });
  };
  if (has(Kind::kCannotBe)) return kFailed;
  if (result.interrupted) return kInterrupted;
  if (has(Kind::kNotDone)) return kFailed;
  if (result.is_void()) return kVoid;
  const bool kept = std::all_of(result.thresholds.begin(), result.thresholds.end(),
                                [](const ThresholdResult& threshold) { return threshold.kept; });
  return has(Kind::kNotIssued) || !kept ? kFailed : kGood;
}

}  // namespace onehop::loadgen
