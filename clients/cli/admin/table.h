// Columns for people, and figures short enough for them. Every cell is printable ASCII when it goes in.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "cli/admin/answers.h"

namespace onehop::cli {

class Table {
 public:
  // A title that begins with '>' stands for a column of figures, to the right.
  Table(std::initializer_list<std::string_view> titles);

  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // A line for the titles and for each row, none of them ending in spaces.
  std::vector<std::string> lines() const;

 private:
  std::vector<bool> to_the_right_;
  // The first is the titles.
  std::vector<std::vector<std::string>> rows_;
};

// A star marks the column of `order`, one of kSortOrders; with none, none is marked.
Table table_of(const std::vector<Told<ClientInfo>>& clients, std::string_view order);

// "0B", "1.5KiB".
std::string short_bytes(uint64_t bytes);
// "0.3", "12", "15,000".
std::string short_count(double count);
// "12ms", "3.4s", "5m", "2h", "3d".
std::string short_time(uint64_t ms);
// "2026-11-23T01:29:59Z".
std::string time_of_day(uint64_t unix_ms);

}  // namespace onehop::cli
