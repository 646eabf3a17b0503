// See the header.
#include "cli/line_reader.h"

#include <utility>

namespace onehop::cli {

LineReader::Next LineReader::next(std::string_view& line) {
  if (std::exchange(begun_is_whole_line_, false)) begun_.clear();
  const size_t end = block_.find(delimiter_);
  if (end == std::string_view::npos) {
    keep(std::exchange(block_, {}));
    return ended_ ? take_last(line) : Next::kNeedMore;
  }
  const std::string_view part = block_.substr(0, end);
  block_.remove_prefix(end + 1);
  if (begun_.empty() && !too_long_ && part.size() <= bytes_max_) {
    line = part;
    return Next::kLine;
  }
  keep(part);
  if (std::exchange(too_long_, false)) return Next::kTooLong;
  begun_is_whole_line_ = true;
  line = begun_;
  return Next::kLine;
}

LineReader::Next LineReader::take_last(std::string_view& line) {
  if (std::exchange(too_long_, false)) return Next::kTooLong;
  if (begun_.empty()) return Next::kEnd;
  begun_is_whole_line_ = true;
  line = begun_;
  return Next::kLine;
}

void LineReader::keep(std::string_view part) {
  too_long_ = too_long_ || begun_.size() + part.size() > bytes_max_;
  if (too_long_) {
    begun_.clear();
  } else {
    begun_ += part;
  }
}

}  // namespace onehop::cli
