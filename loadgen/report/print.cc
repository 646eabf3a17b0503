// See the header.
#include "loadgen/report/print.h"

#include <algorithm>
#include <cmath>

#include "loadgen/measure/quantity.h"
#include "loadgen/measure/text.h"
#include "loadgen/report/json_keys.h"
#include "loadgen/report/threshold.h"

namespace onehop::loadgen {

std::string print_rate(double rate) {
  if (rate < 100) return printed("%.1f/s", rate);
  return print_count(static_cast<uint64_t>(std::llround(rate))) + "/s";
}

std::string print_percentile(const Histogram& histogram, double quantile) {
  return histogram.empty() ? "–" : print_duration(static_cast<double>(histogram.quantile(quantile)));
}

std::string print_percentile(const RunResult& result, Latency latency, double quantile) {
  return is_spoiled(result, latency, quantile) ? "spoiled" : print_percentile(result.*latency, quantile);
}

std::string print_mean(const RunResult& result, Latency latency) {
  if ((result.*latency).empty()) return "–";
  return is_mean_spoiled(result, latency) ? "spoiled" : print_duration((result.*latency).mean());
}

std::string print_achieved(const RunResult& result) {
  return result.has_rate() ? print_rate(result.achieved_rate) : "–";
}

std::string describe_spoiled(const RunResult& result) {
  constexpr std::pair<const char*, double> kPrinted[] = {{"p50", 0.5},     {"p90", 0.9},       {"p99", 0.99},
                                                         {"p99.9", 0.999}, {"p99.99", 0.9999}, {"max", 1}};
  std::vector<std::string> words;
  for (const auto& [name, quantile] : kPrinted) {
    uint64_t lag = 0;
    for (const NamedLatency& named : kLatencies) {
      if (is_spoiled(result, named.histogram, quantile)) lag = std::max(lag, lag_in(result, named.histogram, quantile));
    }
    if (lag != 0) words.push_back(concat(name, " ", print_duration(static_cast<double>(lag))));
  }
  const bool only_means = words.empty() && std::any_of(kLatencies.begin(), kLatencies.end(), [&](const auto& named) {
                            return is_mean_spoiled(result, named.histogram);
                          });
  return only_means ? "mean" : joined(words, ", ");
}

const char* describe_verdict(const ThresholdResult& threshold) {
  if (threshold.spoiled) return "SPOILED";
  return threshold.kept ? "kept" : "NOT KEPT";
}

std::string describe_work(const RunResult& result) {
  std::vector<std::string> words;
  const auto add = [&](const char* key, std::string_view before) {
    const auto found = result.settings.find(key);
    if (found != result.settings.end()) words.push_back(concat(before, found->second));
  };
  add("workload", "");
  for (const char* key : {"clients", "recipients", "rate", "window", "arrivals", "size", "payload", "confirm",
                          "duration", "count", "stage"}) {
    add(key, concat(key, " "));
  }
  return concat(joined(words, ", "), result.open_loop ? "" : " (closed loop)");
}

std::string describe_threshold(const ThresholdResult& threshold) {
  std::string error;
  const auto parsed = Threshold::parse(threshold.text, error);
  return concat(threshold.text, ": ", parsed ? parsed->print_value(threshold.value) : "–");
}

std::string describe_knee(const Capacity& capacity) {
  if (!capacity.unfinished.empty()) {
    std::string words = concat("not found: the search ended early (", capacity.unfinished, ")");
    if (capacity.rate > 0) words += concat("; until then ", capacity.slo, " held up to ", print_rate(capacity.rate));
    if (capacity.failed_rate > 0) words += concat("; it failed at ", print_rate(capacity.failed_rate));
    return words;
  }
  if (capacity.rate <= 0) {
    return concat(capacity.slo, " did not hold at any rate that was tried, the lowest of them ",
                  print_rate(capacity.failed_rate));
  }
  const std::string held = concat(capacity.slo, " held up to ", print_rate(capacity.rate));
  if (capacity.generator_was_limit) {
    return concat(held, "; beyond it the generator was the limit: the target may carry more");
  }
  if (capacity.failed_rate <= 0) return concat(held, ", the highest rate that was tried");
  return concat(held, ", and no longer at ", print_rate(capacity.failed_rate));
}

NamedCounts other_outcomes(const Account& account) {
  return {{"rejected", account.rejected},
          {"expired", account.expired},
          {"lost", account.lost},
          {"unknown", account.unknown},
          {"not sent", account.not_sent},
          {"not arrived within --drain", account.not_arrived},
          {"UNEXPLAINED", account.unexplained}};
}

NamedCounts faults(const Account& account) {
  return {{"duplicates", account.duplicates},
          {"out of order", account.out_of_order},
          {"corrupted", account.corrupted},
          {"misdirected", account.misdirected},
          {"delivered, and the sender was never told", account.untold},
          {"the outcome is not what happened", account.contradicted}};
}

}  // namespace onehop::loadgen
