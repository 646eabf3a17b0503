// onehopd's log: one line an event on standard error, text for people, JSON for machines. Asynchronous: a shard that
// logs never waits for a disk or a terminal; when the log cannot keep up, the oldest lines are dropped, and counted.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

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

  struct Field {
    std::string_view key;
    std::string_view value;
  };
  enum class Level : uint8_t { kDebug, kInfo, kWarn, kError };
  // Any thread. `event` is a word that does not change, for machines; the fields follow.
  void line(Level level, std::string_view event, std::initializer_list<Field> fields);
  // The same for who was refused, ended or allowed to change something: such a line has a mark, and a limit of its own
  // that no flood of others uses up.
  void audit(Level level, std::string_view event, std::initializer_list<Field> fields);

 private:
  void write(Level level, std::string_view event, bool audit, std::initializer_list<Field> fields);
  bool admit_line(Level level, bool audit);
  void tell_lost();

  bool json_ = false;
  // What one second may log below errors; a flood says the same over and over, and is counted instead.
  LineBudget budget_{500};
  LineBudget audit_budget_{2'000};
  std::atomic<int64_t> lost_looked_{0};  // In which second it was last asked how many lines were lost.
  std::atomic<size_t> lost_told_{0};
};

}  // namespace onehop::daemon
