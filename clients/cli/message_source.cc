// See the header.
#include "cli/message_source.h"

#include <utility>

#include "reactor/file_text.h"

namespace onehop::cli {
namespace {

// Blocks of input under way: one being sent, one being read.
constexpr int kInputBlocks = 2;

}  // namespace

MessageSource::MessageSource(reactor::Loop& loop, const Options& options, std::function<void()> on_more)
    : loop_(loop), options_(options), on_more_(std::move(on_more)) {}

bool MessageSource::is_single() const {
  const bool is_whole = options_.source == Source::kFile || options_.source == Source::kWhole;
  return is_whole || (options_.source == Source::kText && options_.count.value_or(1) == 1);
}

void MessageSource::begin(size_t bytes_max) {
  bytes_max_ = bytes_max;
  if (options_.source == Source::kText) {
    whole_ = *options_.text;
    return;
  }
  if (options_.source == Source::kFile) return begin_file(bytes_max);
  pieces_.set_bytes_max(bytes_max);
  if (options_.source == Source::kNulls) pieces_.set_delimiter('\0');
  input_.emplace(loop_, [this](InputBlock block) { on_block(std::move(block)); });
  for (int i = 0; i < kInputBlocks; ++i) input_->give_back({});
}

void MessageSource::begin_file(size_t bytes_max) {
  reactor::FileText file = reactor::read_file(options_.file, bytes_max);
  if (file.text) {
    whole_ = std::move(*file.text);
  } else {
    error_ = "cannot read " + options_.file + ": " + file.error;
  }
}

MessageSource::Next MessageSource::next(std::string_view& message) {
  switch (options_.source) {
    case Source::kText:
      if (number_ == options_.count.value_or(1)) return Next::kEnd;
      message = whole_;
      return count(Next::kMessage);
    case Source::kFile:
      if (!error_.empty() || std::exchange(whole_is_told_, true)) return Next::kEnd;
      message = whole_;
      return count(Next::kMessage);
    case Source::kWhole:
      return whole(message);
    case Source::kLines:
    case Source::kNulls:
      return number_ == options_.count ? Next::kEnd : next_piece(message);
  }
  return Next::kEnd;
}

MessageSource::Next MessageSource::count(Next next) {
  ++number_;
  return next;
}

MessageSource::Next MessageSource::next_piece(std::string_view& message) {
  for (;;) {
    switch (pieces_.next(message)) {
      case LineReader::Next::kLine:
        return count(Next::kMessage);
      case LineReader::Next::kTooLong:
        return count(Next::kTooLarge);
      case LineReader::Next::kEnd:
        return Next::kEnd;
      case LineReader::Next::kNeedMore:
        if (!take_block()) return Next::kNeedMore;
        pieces_.give({block_.bytes.data(), block_.size});
        if (ended_) pieces_.end();
    }
  }
}

// All of standard input: nothing is sent before its end has come, and nothing at all if it cannot be read.
MessageSource::Next MessageSource::whole(std::string_view& message) {
  while (!ended_) {
    if (!take_block()) return Next::kNeedMore;
    too_large_ = too_large_ || whole_.size() + block_.size > bytes_max_;
    if (!too_large_) whole_.append(block_.bytes.data(), block_.size);
  }
  if (!error_.empty() || std::exchange(whole_is_told_, true)) return Next::kEnd;
  message = whole_;
  return count(too_large_ ? Next::kTooLarge : Next::kMessage);
}

void MessageSource::on_block(InputBlock block) {
  waiting_.push_back(std::move(block));
  on_more_();
}

// Goes on to the next block that was read. False: there is none yet.
bool MessageSource::take_block() {
  if (block_.size != 0) input_->give_back(std::move(block_));
  block_ = {};
  if (waiting_.empty()) return false;
  block_ = std::move(waiting_.front());
  waiting_.pop_front();
  if (block_.error != 0) error_ = "cannot read standard input: " + reactor::error_text(block_.error);
  ended_ = block_.size == 0;
  return true;
}

}  // namespace onehop::cli
