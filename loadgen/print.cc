// See the header.
#include "loadgen/print.h"

#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "loadgen/quantity.h"
#include "loadgen/text.h"
#include "loadgen/threshold.h"

namespace onehop::loadgen {

std::string printed(const char* format, ...) {
  va_list values, again;
  va_start(values, format);
  va_copy(again, values);
  const int length = std::vsnprintf(nullptr, 0, format, values);
  va_end(values);
  std::string text(length > 0 ? static_cast<size_t>(length) : 0, '\0');
  std::vsnprintf(text.data(), text.size() + 1, format, again);
  va_end(again);
  return text;
}

std::string visible(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      shown += printed("\\x%02x", byte);
    } else {
      shown += c;
    }
  }
  return shown;
}

std::string print_rate(double rate) {
  if (rate < 100) return printed("%.1f/s", rate);
  return print_count(static_cast<uint64_t>(std::llround(rate))) + "/s";
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
  return concat(threshold.text, ": ", parsed ? parsed->print_value(threshold.value) : printed("%g", threshold.value));
}

std::string describe_knee(const Capacity& capacity) {
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
  return {{"rejected", account.rejected}, {"expired", account.expired},   {"lost", account.lost},
          {"unknown", account.unknown},   {"not sent", account.not_sent}, {"UNEXPLAINED", account.unexplained}};
}

NamedCounts faults(const Account& account) {
  return {{"duplicates", account.duplicates},
          {"out of order", account.out_of_order},
          {"corrupted", account.corrupted},
          {"misdirected", account.misdirected},
          {"delivered, and the sender was never told", account.untold},
          {"told otherwise than it was", account.contradicted}};
}

}  // namespace onehop::loadgen
