// Adds up runs. Figures that can be added are added, and of others the worst stands. Nothing is averaged.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <sstream>

#include "loadgen/measure/quantity.h"
#include "loadgen/measure/text.h"
#include "loadgen/report/json_keys.h"
#include "loadgen/report/report.h"

namespace onehop::loadgen {
namespace {

using Parts = std::vector<RunResult>;
// The sum has the total of these settings.
const std::set<std::string> kSummedSettings = {"clients", "rate", "connect-rate", "idle", "recipients"};
// Runs that differ in these settings did different work.
const std::set<std::string> kWorkSettings = {"workload"};

// The parts of one run may differ in these settings.
const std::set<std::string> kOwnSettings = {"clients", "rate", "stage",   "count", "at",   "connect-rate", "part",
                                            "prefix",  "seed", "sources", "json",  "html", "hgrm",         "quiet"};

// More parts are taken for a mistake.
constexpr uint32_t kPartsMax = 10'000;

void add_generator(Generator& sum, const Generator& part) {
  sum.threads += part.threads;
  sum.cpu_s += part.cpu_s;
  sum.busiest_thread = std::max(sum.busiest_thread, part.busiest_thread);
  sum.waiting_for_cpu = std::max(sum.waiting_for_cpu, part.waiting_for_cpu);
  sum.missed_arrivals += part.missed_arrivals;
  sum.lag.add(part.lag);
  sum.read_lag.add(part.read_lag);
  sum.lag_allowed = std::min(sum.lag_allowed, part.lag_allowed);
}

// Adds each second of the part to the second of the sum in which most of it lies.
void add_series(std::map<int64_t, Second>& sum, const RunResult& part, double start) {
  for (const Second& second : part.series) {
    const int64_t at = std::llround(part.started_unix_s - start + second.at_s);
    Second& total = sum[at];
    total.at_s = static_cast<double>(at);
    total += second;
    total.latency.pack();
  }
}

// Adds stages of the same times. Other stages are left out, and empty_stages() complains about them.
void add_scenario(RunResult& sum, const RunResult& part) {
  for (size_t i = 0; i < sum.stages.size() && i < part.stages.size(); ++i) {
    sum.stages[i].from_rate += part.stages[i].from_rate;
    sum.stages[i].to_rate += part.stages[i].to_rate;
    sum.stages[i].figures.add(part.stages[i].figures);
  }
  sum.commands.insert(sum.commands.end(), part.commands.begin(), part.commands.end());
  if (!part.ended_early.empty()) sum.ended_early += concat(sum.ended_early.empty() ? "" : "; ", part.ended_early);
}

// The stages of the sum, still without figures.
std::vector<StageResult> empty_stages(const Parts& parts, MergeDoubts& doubts) {
  std::vector<StageResult> stages;
  for (const StageResult& stage : parts.front().stages) stages.push_back({0, 0, stage.begin_s, stage.duration_s, {}});
  for (const RunResult& part : parts) {
    bool same = part.stages.size() == stages.size();
    for (size_t i = 0; same && i < stages.size(); ++i) same = part.stages[i].duration_s == stages[i].duration_s;
    if (same) continue;
    doubts.others.push_back("the runs have stages of different times: none are in the sum");
    return {};
  }
  return stages;
}

void add_part(RunResult& sum, const RunResult& part) {
  sum.open_loop = sum.open_loop && part.open_loop;
  sum.planned_s = std::max(sum.planned_s, part.planned_s);
  sum.duration_s = std::max(sum.duration_s, part.duration_s);
  sum.wanted_rate += part.wanted_rate;
  sum.achieved_rate += part.achieved_rate;
  sum.interrupted = sum.interrupted || part.interrupted;
  for (const NamedLatency& named : kLatencies) (sum.*named.histogram).add(part.*named.histogram);
  add_scenario(sum, part);
  sum.account += part.account;
  for (const auto& [reason, count] : part.reasons) sum.reasons[reason] += count;
  sum.connections += part.connections;
  add_generator(sum.generator, part.generator);
  for (const std::string& condition : part.allowed) {
    if (std::find(sum.allowed.begin(), sum.allowed.end(), condition) == sum.allowed.end()) {
      sum.allowed.push_back(condition);
    }
  }
  sum.parts += part.parts;
}

// The words of several parts, each of them once.
class Words {
 public:
  void add(const std::string& word) {
    if (std::find(words_.begin(), words_.end(), word) == words_.end()) words_.push_back(word);
  }
  std::string all() const { return joined(words_, ", "); }
  const std::vector<std::string>& each() const { return words_; }
  bool differ() const { return words_.size() > 1; }

 private:
  std::vector<std::string> words_;
};

// Joins the words of all parts, and notes a doubt where they should be equal and are not.
class WordsOfParts {
 public:
  WordsOfParts(const Parts& parts, MergeDoubts& doubts) : parts_(parts), doubts_(doubts) {}

  enum class If : uint8_t { kMayDiffer, kShouldBeTheSame, kMustBeTheSame };
  template <class Of>
  std::string join(std::string_view what, If differing, Of&& of) {
    Words words;
    for (const RunResult& part : parts_) words.add(of(part));
    if (words.differ() && differing != If::kMayDiffer) {
      auto& doubts = differing == If::kMustBeTheSame ? doubts_.serious : doubts_.others;
      doubts.push_back(concat("the runs have different ", what, ": ", words.all()));
    }
    return words.all();
  }

 private:
  const Parts& parts_;
  MergeDoubts& doubts_;
};

// The sum of a setting of all parts, in the form of its flag. It is empty if a part has no such setting or one that
// does not add up.
std::string summed(const Parts& parts, const std::string& key) {
  double sum = 0;
  for (const RunResult& part : parts) {
    const auto found = part.settings.find(key);
    const bool is_zero = found != part.settings.end() && found->second == "0";
    const auto value = found == part.settings.end() ? std::nullopt : parse_rate(found->second);
    if (!value && !is_zero) return "";
    sum += value.value_or(0);
  }
  return printed("%.10g", sum);
}

void join_settings(RunResult& sum, const Parts& parts, WordsOfParts& words) {
  std::set<std::string> keys;
  for (const RunResult& part : parts) {
    for (const auto& [key, value] : part.settings) keys.insert(key);
  }
  using If = WordsOfParts::If;
  for (const std::string& key : keys) {
    const If differing = kOwnSettings.count(key) > 0    ? If::kMayDiffer
                         : kWorkSettings.count(key) > 0 ? If::kMustBeTheSame
                                                        : If::kShouldBeTheSame;
    sum.settings[key] = words.join("settings of " + key, differing, [&](const RunResult& part) {
      const auto found = part.settings.find(key);
      return found == part.settings.end() ? std::string("(none)") : found->second;
    });
    if (parts.size() == 1 || kSummedSettings.count(key) == 0) continue;
    if (std::string all = summed(parts, key); !all.empty()) sum.settings[key] = std::move(all);
  }
}

void join_words(RunResult& sum, const Parts& parts, MergeDoubts& doubts) {
  WordsOfParts words(parts, doubts);
  using If = WordsOfParts::If;
  sum.id = words.join("ids", If::kMayDiffer, [](const RunResult& part) { return part.id; });
  sum.version = words.join("versions", If::kShouldBeTheSame, [](const RunResult& part) { return part.version; });
  // Machines may know one target by different names.
  sum.target = words.join("targets", If::kShouldBeTheSame, [](const RunResult& part) { return part.target; });
  sum.server = words.join("servers", If::kMustBeTheSame, [](const RunResult& part) { return part.server; });
  words.join("loops", If::kMustBeTheSame, [](const RunResult& part) { return part.open_loop ? "open" : "closed"; });
  sum.host.name = words.join("hosts", If::kMayDiffer, [](const RunResult& part) { return part.host.name; });
  sum.host.kernel = words.join("kernels", If::kMayDiffer, [](const RunResult& part) { return part.host.kernel; });
  sum.host.cpu = words.join("processors", If::kMayDiffer, [](const RunResult& part) { return part.host.cpu; });
  join_settings(sum, parts, words);
}

void check_times(const Parts& parts, MergeDoubts& doubts) {
  const auto by_start = [](const RunResult& a, const RunResult& b) { return a.started_unix_s < b.started_unix_s; };
  const auto by_end = [](const RunResult& a, const RunResult& b) {
    return a.started_unix_s + a.duration_s < b.started_unix_s + b.duration_s;
  };
  const auto [first, last] = std::minmax_element(parts.begin(), parts.end(), by_start);
  const double apart = last->started_unix_s - first->started_unix_s;
  const RunResult& first_to_end = *std::min_element(parts.begin(), parts.end(), by_end);
  if (first_to_end.started_unix_s + first_to_end.duration_s <= last->started_unix_s) {
    doubts.serious.push_back("not all runs were under way at the same time: their rates add up to one that never was");
  } else if (apart > 1) {
    doubts.others.push_back(printed("the runs started up to %.1f s apart", apart));
  }
  std::set<std::string> seen;
  for (const RunResult& part : parts) {
    for (const std::string& id : part.ids()) {
      if (seen.insert(id).second) continue;
      doubts.serious.push_back(concat("two of the runs are the same one, started ", iso_time(part.started_unix_s)));
    }
  }
}

// A run has the setting "part": "2/3", and a sum has "1/3, 2/3".
void check_parts(const Parts& parts, MergeDoubts& doubts) {
  std::map<uint32_t, std::map<uint32_t, int>> seen;  // The number of parts → the part → how often it was given.
  bool some_without = false;
  for (const RunResult& part : parts) {
    const auto found = part.settings.find("part");
    if (found == part.settings.end()) {
      some_without = true;
      continue;
    }
    std::istringstream all(found->second);
    for (std::string text; std::getline(all, text, ',');) {
      unsigned which = 0, of = 0;
      char rest = 0;
      const bool is_part = std::sscanf(text.c_str(), "%u/%u%c", &which, &of, &rest) == 2;
      if (is_part && which >= 1 && which <= of && of <= kPartsMax) {
        ++seen[of][which];
      } else {
        some_without = true;
      }
    }
  }
  if (seen.empty()) return;
  if (some_without) doubts.serious.push_back("some of the runs do not say which part they are");
  if (seen.size() > 1) doubts.serious.push_back("the runs do not agree on how many parts there are");
  for (auto& [of, which] : seen) {
    std::vector<std::string> missing, doubled;
    for (uint32_t part = 1; part <= of; ++part) {
      if (which.count(part) == 0) missing.push_back(concat(part, "/", of));
    }
    for (const auto& [part, times] : which) {
      if (times > 1) doubled.push_back(concat(part, "/", of));
    }
    if (!missing.empty()) doubts.serious.push_back("missing: part " + joined(missing, ", "));
    if (!doubled.empty()) doubts.serious.push_back("there more than once: part " + joined(doubled, ", "));
  }
}

}  // namespace

RunResult merge(const Parts& parts, MergeDoubts& doubts) {
  if (parts.empty()) throw std::runtime_error("there is nothing to merge");
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].capacity) continue;
    throw std::runtime_error(
        concat("run ", i + 1, " (", parts[i].host.name,
               ") is a search for the capacity. Searches cannot be added up: each "
               "chose its rates by what it saw, so that no two of their steps were under way together. Search with one "
               "generator and more --threads, or make runs at one rate together and merge those"));
  }
  const auto earliest = std::min_element(parts.begin(), parts.end(), [](const RunResult& a, const RunResult& b) {
    return a.started_unix_s < b.started_unix_s;
  });
  RunResult sum;
  sum.parts = 0;
  sum.generator.threads = 0;
  sum.generator.lag_allowed = UINT64_MAX;
  sum.started_unix_s = earliest->started_unix_s;
  sum.host = earliest->host;
  sum.stages = empty_stages(parts, doubts);
  std::map<int64_t, Second> series;
  for (size_t i = 0; i < parts.size(); ++i) {
    add_part(sum, parts[i]);
    add_series(series, parts[i], sum.started_unix_s);
    // Every generator that watched the system saw its use for all parts, so one of them is taken and not the sum.
    const auto& used = parts[i].system;
    if (used && (!sum.system || used->cpu_s > sum.system->cpu_s)) sum.system = used;
    for (const std::string& reason : parts[i].void_reasons) {
      sum.void_reasons.push_back(concat("run ", i + 1, " (", parts[i].host.name, "): ", reason));
    }
  }
  for (auto& [at, second] : series) sum.series.push_back(std::move(second));
  join_words(sum, parts, doubts);
  check_times(parts, doubts);
  check_parts(parts, doubts);
  Words warnings;
  for (const auto* some : {&doubts.serious, &doubts.others}) {
    for (const std::string& doubt : *some) warnings.add(doubt);
  }
  for (const RunResult& part : parts) {
    for (const std::string& warning : part.warnings) warnings.add(warning);
  }
  sum.warnings = warnings.each();
  return sum;
}

}  // namespace onehop::loadgen
