// Cuts blocks of input into lines, each handed out where it lies in its block if it lies in one. A line ends with a
// newline, or with another byte that the caller chooses.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace onehop::cli {

class LineReader {
 public:
  // The longest line that is handed out whole. Of a longer one no more than this is kept.
  void set_bytes_max(size_t bytes_max) { bytes_max_ = bytes_max; }

  void set_delimiter(char delimiter) { delimiter_ = delimiter; }

  // The next bytes; they must stay where they are until next() has answered kNeedMore.
  void give(std::string_view block) { block_ = block; }
  // No more will come: what is left without a delimiter is a line.
  void end() { ended_ = true; }

  enum class Next { kLine, kTooLong, kNeedMore, kEnd };
  // kLine: `line`, without its delimiter, until the next call. kTooLong: a line was passed over.
  Next next(std::string_view& line);

 private:
  Next take_last(std::string_view& line);
  void keep(std::string_view part);

  std::string_view block_;
  // The beginning of a line whose end is in a later block.
  std::string begun_;
  size_t bytes_max_ = static_cast<size_t>(-1);
  char delimiter_ = '\n';
  bool begun_is_whole_line_ = false;
  bool too_long_ = false;
  bool ended_ = false;
};

}  // namespace onehop::cli
