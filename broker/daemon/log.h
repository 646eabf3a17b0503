// onehopd's log: one line an event on standard error, text for people, JSON for machines. Asynchronous: a shard that
// logs never waits for a disk or a terminal; when the log cannot keep up, lines are dropped and counted.
#pragma once

#include <string>
#include <string_view>

#include "command_line.h"
#include "onehop/broker.h"

namespace onehop::daemon {

class Log {
 public:
  explicit Log(const DaemonOptions& options);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  // Writes what is queued.
  ~Log();

  // Any thread.
  void event(const BrokerEvent& event);

  struct Field {
    std::string_view key;
    std::string_view value;
  };
  enum class Level : uint8_t { kDebug, kInfo, kWarn, kError };
  // Any thread. `event` is a word that does not change, for machines; the fields follow.
  void line(Level level, std::string_view event, std::initializer_list<Field> fields);

 private:
  bool admit_line(Level level);

  bool json_ = false;
};

}  // namespace onehop::daemon
