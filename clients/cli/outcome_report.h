// What `onehop send` tells about its messages: what became of those that failed, and at the end the sum. Text goes to
// standard error; JSON is the command's result and goes to standard output.
//
// Messages to one recipient that fail alike, one behind the other, make one line: a fold. It is written when something
// else happens to a message of that recipient, at the end, and otherwise after a second. A fold names every message
// between its first and its last that went to its recipient, and no other.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "cli/options.h"
#include "onehop/client_types.h"
#include "reactor/loop.h"
#include "reactor/timer.h"

namespace onehop::cli {

class OutcomeReport {
 public:
  // `before_line` is called before anything is written.
  OutcomeReport(reactor::Loop& loop, const Options& options, std::function<void()> before_line);

  // There is only one message: its outcome is reported whatever it is, and there is no sum.
  void set_single() { single_ = true; }
  // Each message goes to this many recipients, one after the other.
  void set_recipients(uint64_t recipients) { step_ = recipients; }

  void on_outcome(std::string_view to, const client::SendResult& result);
  // A message, the `line`th of the input, that the broker would not take for its size.
  void on_too_large(std::string_view to, uint64_t line, uint32_t frame_bytes_max);
  // Writes what is left, then the sum.
  void end(const client::SendCounts& counts);

  // Whether it is what the sender wants: DELIVERED, or without confirmation ADMITTED.
  bool is_wanted(client::Outcome outcome) const;
  uint64_t reached() const { return reached_; }
  uint64_t failed() const { return failed_; }

 private:
  // Messages of one fate. Those that were too large have the numbers of their lines, and no ids.
  struct Fold {
    client::SendResult fate;
    uint64_t count = 0;
    uint64_t first_n = 0;
    uint64_t last_n = 0;
    uint64_t first_id = 0;
    uint64_t last_id = 0;
    // 0: they were not too large.
    uint32_t frame_bytes_max = 0;
  };
  using Folds = std::map<std::string, Fold, std::less<>>;

  bool continues(const Fold& fold, const Fold& next) const;
  void add(std::string_view to, Fold next, bool may_wait);
  void write_all();
  void write(const std::string& to, const Fold& fold) const;
  void write_json_line(const std::string& to, const Fold& fold) const;
  void write_text_line(const std::string& to, const Fold& fold) const;
  void write_sum(const client::SendCounts& counts) const;
  uint64_t count(client::Outcome outcome) const { return outcomes_[static_cast<size_t>(outcome)]; }

  reactor::Loop& loop_;
  const Options& options_;
  std::function<void()> before_line_;
  reactor::Timer due_;
  bool single_ = false;
  uint64_t step_ = 1;
  // By recipient; one for each at the most.
  Folds folds_;
  uint64_t reached_ = 0;
  uint64_t failed_ = 0;
  std::array<uint64_t, 10> outcomes_{};  // By client::Outcome.
};

}  // namespace onehop::cli
