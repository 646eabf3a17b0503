// What `onehop top` shows: two samples in, lines of text out.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cli/admin/answers.h"

namespace onehop::cli {

struct TopSample {
  std::chrono::steady_clock::time_point at;
  BrokerCounters counters;
  ClientsTold clients;
};

// Rates are those between the two samples. Each line is printable ASCII. Clients that are equal in `order` are in the
// order of their names. There are at most `rows_max` lines; the last one says how many clients are not shown.
std::vector<std::string> top_screen(const TopSample& before, const TopSample& now, const std::string& title,
                                    const std::string& order, size_t rows_max);

}  // namespace onehop::cli
