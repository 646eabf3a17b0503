// onehopd's log: one line an event on standard error, text for people, JSON for machines. Asynchronous: a shard that
// logs never waits for a disk or a terminal; when the log cannot keep up, the oldest lines are dropped, and counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/line_budget.h"
#include "daemon/options.h"
#include "onehop/broker.h"

namespace onehop::daemon {

class Log {
 public:
  explicit Log(const DaemonOptions& options);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  // Writes what is queued, unless nobody reads it.
  ~Log();

  // Any thread.
  void set_level(const std::string& level);

  // Any thread.
  void event(const BrokerEvent& event);

  // A text, a number, or a list of texts; what is empty is left out. The views are valid during the call only.
  struct Field {
    Field(std::string_view name, std::string_view text) : key(name), value(text) {}
    Field(std::string_view name, const char* text) : key(name), value(std::string_view(text)) {}
    Field(std::string_view name, const std::string& text) : key(name), value(std::string_view(text)) {}
    Field(std::string_view name, uint64_t number) : key(name), value(number) {}
    Field(std::string_view name, const std::vector<std::string>& list) : key(name), value(&list) {}
    std::string_view key;
    std::variant<std::string_view, uint64_t, const std::vector<std::string>*> value;
  };
  enum class Level : uint8_t { kDebug, kInfo, kWarn, kError };
  // Any thread. `event` is a word that does not change, for machines; the fields follow.
  void line(Level level, std::string_view event, std::initializer_list<Field> fields);
  // The same for who was refused, ended or allowed to change something: such a line has a mark, and a limit of its own
  // that no flood of others uses up.
  void audit(Level level, std::string_view event, std::initializer_list<Field> fields);

  // Any thread; to be called about once a second, so that lines that were left out or lost are told although nothing
  // more happens.
  void tell_left_out();
  // Any thread: how many lines were left out or lost since the start.
  uint64_t lines_missing() const;

 private:
  void write(Level level, std::string_view event, bool audit, std::initializer_list<Field> fields);
  bool admit_line(Level level, bool audit);
  void tell_left_out_before(int64_t second);
  void tell_left_out(bool audit, int64_t count);
  std::string written(const Field& field) const;

  bool json_ = false;
  // What one second may log below errors; a flood says the same over and over, and is counted instead.
  LineBudget budget_{500};
  LineBudget audit_budget_{2'000};
  std::atomic<int64_t> lost_looked_{0};  // In which second it was last asked how many lines were lost.
  std::atomic<size_t> lost_told_{0};
  std::atomic<uint64_t> left_out_{0};
};

}  // namespace onehop::daemon
