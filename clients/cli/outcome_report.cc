// See the header.
#include "cli/outcome_report.h"

#include <cinttypes>
#include <cstdio>
#include <utility>

#include "cli/format.h"

namespace onehop::cli {
namespace {

// How long a fold waits for more of its kind.
constexpr uint64_t kFoldMs = 1'000;

constexpr std::pair<client::Outcome, std::string_view> kOutcomeNames[] = {
    {client::Outcome::kDelivered, "delivered"}, {client::Outcome::kAdmitted, "admitted"},
    {client::Outcome::kRejected, "rejected"},   {client::Outcome::kExpired, "expired"},
    {client::Outcome::kLost, "lost"},           {client::Outcome::kUnknown, "unknown"},
    {client::Outcome::kNotSent, "not sent"},    {client::Outcome::kPartial, "partial"}};

bool says_attempted(client::Outcome outcome) {
  return outcome == client::Outcome::kExpired || outcome == client::Outcome::kLost;
}

// How many subscribers of a topic it has reached.
bool says_reached(const client::SendResult& fate) {
  return fate.reached != 0 || fate.missed != 0;
}

// "7", or "5..9".
std::string range(uint64_t first, uint64_t last) {
  return std::to_string(first) + (last == first ? "" : ".." + std::to_string(last));
}

}  // namespace

OutcomeReport::OutcomeReport(reactor::Loop& loop, const Options& options, std::function<void()> before_line)
    : loop_(loop), options_(options), before_line_(std::move(before_line)), due_(loop, [this] { write_all(); }) {}

bool OutcomeReport::is_wanted(client::Outcome outcome) const {
  return outcome == (options_.confirm ? client::Outcome::kDelivered : client::Outcome::kAdmitted);
}

void OutcomeReport::on_outcome(std::string_view to, const client::SendResult& result) {
  ++outcomes_[static_cast<size_t>(result.outcome)];
  const bool wanted = is_wanted(result.outcome);
  ++(wanted ? reached_ : failed_);
  if (wanted && !options_.verbose && !single_) {
    // What comes next has another fate than what was before this one.
    if (folds_.empty()) return;
    if (const auto open = folds_.find(to); open != folds_.end()) {
      write(open->first, open->second);
      folds_.erase(open);
    }
    return;
  }
  add(to,
      {.fate = result,
       .count = 1,
       .first_n = result.ticket,
       .last_n = result.ticket,
       .first_id = result.id,
       .last_id = result.id},
      !wanted && !single_);
}

void OutcomeReport::on_too_large(std::string_view to, uint64_t line, uint32_t frame_bytes_max) {
  ++failed_;
  ++outcomes_[static_cast<size_t>(client::Outcome::kRejected)];
  client::SendResult fate;
  fate.outcome = client::Outcome::kRejected;
  fate.reason = client::Reason::kTooLarge;
  add(to, {.fate = fate, .count = 1, .first_n = line, .last_n = line, .frame_bytes_max = frame_bytes_max}, true);
}

// Only what follows directly: whatever is between the first and the last of a fold has its fate.
bool OutcomeReport::continues(const Fold& fold, const Fold& next) const {
  const client::SendResult& a = fold.fate;
  const client::SendResult& b = next.fate;
  const bool alike = a.outcome == b.outcome && a.reason == b.reason && a.attempted == b.attempted &&
                     a.reached == b.reached && a.missed == b.missed && a.code == b.code && a.text == b.text &&
                     fold.frame_bytes_max == next.frame_bytes_max;
  const bool too_large = fold.frame_bytes_max != 0;
  const bool without_ids = fold.last_id == 0 && next.first_id == 0;
  return alike && next.first_n == fold.last_n + (too_large ? 1 : step_) &&
         (without_ids || (fold.last_id != 0 && next.first_id == fold.last_id + step_));
}

void OutcomeReport::add(std::string_view to, Fold next, bool may_wait) {
  auto open = folds_.find(to);
  if (open != folds_.end() && may_wait && continues(open->second, next)) {
    Fold& fold = open->second;
    ++fold.count;
    fold.last_n = next.last_n;
    fold.last_id = next.last_id;
    return;
  }
  if (open != folds_.end()) {
    write(open->first, open->second);
    folds_.erase(open);
  }
  if (!may_wait) return write(std::string(to), next);
  if (folds_.empty()) due_.arm_at(loop_.now_ms() + kFoldMs);
  folds_.emplace(to, std::move(next));
}

void OutcomeReport::write_all() {
  for (const auto& [to, fold] : folds_) write(to, fold);
  folds_.clear();
  due_.disarm();
}

void OutcomeReport::end(const client::SendCounts& counts) {
  write_all();
  write_sum(counts);
}

void OutcomeReport::write(const std::string& to, const Fold& fold) const {
  before_line_();
  if (options_.json) {
    write_json_line(to, fold);
  } else if (!options_.quiet) {
    write_text_line(to, fold);
  }
}

void OutcomeReport::write_json_line(const std::string& to, const Fold& fold) const {
  const client::SendResult& fate = fold.fate;
  std::string line = "{\"event\":\"outcome\",\"outcome\":\"" + std::string(client::to_string(fate.outcome)) +
                     (options_.to_topics ? "\",\"topic\":" : "\",\"to\":");
  write_json_string(to, line);
  if (fold.frame_bytes_max != 0) {
    line += ",\"line\":" + std::to_string(fold.first_n) + ",\"last_line\":" + std::to_string(fold.last_n);
  } else {
    line += ",\"n\":" + std::to_string(fold.first_n) + ",\"last_n\":" + std::to_string(fold.last_n);
    line += ",\"id\":" + std::to_string(fold.first_id) + ",\"last_id\":" + std::to_string(fold.last_id);
  }
  line += ",\"count\":" + std::to_string(fold.count);
  if (fate.reason != client::Reason::kNone) line += ",\"reason\":\"" + client::to_string(fate.reason) + '"';
  if (says_attempted(fate.outcome)) line += fate.attempted ? ",\"attempted\":true" : ",\"attempted\":false";
  if (says_reached(fate)) {
    line += ",\"reached\":" + std::to_string(fate.reached) + ",\"missed\":" + std::to_string(fate.missed);
  }
  if (fate.code != 0) line += ",\"code\":" + std::to_string(fate.code);
  if (!fate.text.empty()) write_json_bytes("text", fate.text, line += ',');
  std::printf("%s}\n", line.c_str());
}

void OutcomeReport::write_text_line(const std::string& to, const Fold& fold) const {
  const client::SendResult& fate = fold.fate;
  const bool too_large = fold.frame_bytes_max != 0;
  std::string line(client::to_string(fate.outcome));
  line += (options_.to_topics ? " topic=" : " to=") + to;
  line += too_large ? " line=" + range(fold.first_n, fold.last_n) : " id=" + range(fold.first_id, fold.last_id);
  const bool without_ids = !too_large && fold.last_id == 0;
  if (fold.count > 1 && (step_ > 1 || without_ids)) line += " count=" + std::to_string(fold.count);
  if (fate.reason != client::Reason::kNone) line += " reason=" + client::to_string(fate.reason);
  if (says_attempted(fate.outcome)) line += fate.attempted ? " attempted=yes" : " attempted=no";
  if (says_reached(fate)) line += " reached=" + std::to_string(fate.reached);
  if (fate.missed != 0) line += " missed=" + std::to_string(fate.missed);
  if (fate.code != 0) line += " code=" + std::to_string(fate.code);
  if (!fate.text.empty()) line += " text=\"" + printable(fate.text) + '"';
  if (too_large) {
    line += " (the largest frame that the broker takes has " + std::to_string(fold.frame_bytes_max) + " bytes)";
  }
  std::fprintf(stderr, "%s\n", line.c_str());
}

// "2 delivered, 1 rejected".
void OutcomeReport::write_sum(const client::SendCounts& counts) const {
  const uint64_t pauses = counts.pauses;
  const uint64_t repeats = counts.repeats;
  const uint64_t resumes = counts.resumes;
  before_line_();
  if (options_.json) {
    std::string line = "{\"event\":\"summary\"";
    for (const auto& [outcome, name] : kOutcomeNames) {
      line += ",\"" + std::string(name == "not sent" ? "not_sent" : name) + "\":" + std::to_string(count(outcome));
    }
    std::printf("%s,\"pauses\":%" PRIu64 ",\"repeats\":%" PRIu64 ",\"resumes\":%" PRIu64 "}\n", line.c_str(), pauses,
                repeats, resumes);
    return;
  }
  if (single_ || options_.quiet) return;
  std::string line;
  for (const auto& [outcome, name] : kOutcomeNames) {
    if (count(outcome) == 0 && !is_wanted(outcome)) continue;
    if (!line.empty()) line += ", ";
    line += std::to_string(count(outcome)) + ' ' + std::string(name);
  }
  std::string how;
  if (pauses != 0) how += ", paused " + std::to_string(pauses) + " times";
  if (repeats != 0) how += ", repeated " + std::to_string(repeats) + " refused for the moment";
  if (resumes != 0) how += ", resumed " + std::to_string(resumes) + " times";
  if (!how.empty()) line += " (" + how.substr(2) + ')';
  std::fprintf(stderr, "%s\n", line.c_str());
}

}  // namespace onehop::cli
