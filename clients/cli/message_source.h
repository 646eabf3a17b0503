// Where the messages of `onehop send` come from: a text that is sent again and again, a file as a whole, or standard
// input, cut into lines or other pieces or as a whole.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cli/line_reader.h"
#include "cli/options.h"
#include "cli/standard_streams.h"
#include "reactor/loop.h"

namespace onehop::cli {

class MessageSource {
 public:
  // `on_more` is called when next() may have more after it has answered kNeedMore.
  MessageSource(reactor::Loop& loop, const Options& options, std::function<void()> on_more);

  // Begins to read. Messages of more than `bytes_max` are passed over.
  void begin(size_t bytes_max);

  enum class Next { kMessage, kTooLarge, kNeedMore, kEnd };
  // kMessage: `message`, until the next call. kTooLarge: one was passed over. Both count.
  Next next(std::string_view& message);
  // Which message of the input it was, from 1.
  uint64_t number() const { return number_; }
  // Whether there is one message at the most.
  bool is_single() const;
  // What went wrong with reading; what was read before is told first.
  const std::string& error() const { return error_; }

 private:
  using Source = Options::Source;

  void begin_file(size_t bytes_max);
  void on_block(InputBlock block);
  bool take_block();
  Next next_piece(std::string_view& message);
  Next whole(std::string_view& message);
  Next count(Next next);

  reactor::Loop& loop_;
  const Options& options_;
  std::function<void()> on_more_;
  std::optional<StandardInput> input_;
  std::deque<InputBlock> waiting_;
  InputBlock block_;
  LineReader pieces_;
  // A text, a file, or all of standard input.
  std::string whole_;
  size_t bytes_max_ = 0;
  bool too_large_ = false;
  bool ended_ = false;
  bool whole_is_told_ = false;
  uint64_t number_ = 0;
  std::string error_;
};

}  // namespace onehop::cli
