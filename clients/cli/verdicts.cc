// See the header.
#include "cli/verdicts.h"

#include <charconv>
#include <utility>

namespace onehop::cli {
namespace {

// Takes the first word off the line, and the blanks behind it.
std::string_view take_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  return word;
}

template <typename Number>
bool to_number(std::string_view word, Number& out) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  return error == std::errc() && end == word.data() + word.size();
}

}  // namespace

std::optional<Verdict> parse_verdict(std::string_view line) {
  Verdict verdict;
  const std::string_view word = take_word(line);
  if (word == "ack") {
    verdict.kind = Verdict::Kind::kAck;
  } else if (word == "upto") {
    verdict.kind = Verdict::Kind::kUpTo;
  } else if (word == "refuse") {
    verdict.kind = Verdict::Kind::kRefuse;
  } else {
    return std::nullopt;
  }
  if (!to_number(take_word(line), verdict.tag) || verdict.tag == 0) return std::nullopt;
  if (line.empty()) return verdict;
  if (verdict.kind != Verdict::Kind::kRefuse || !to_number(take_word(line), verdict.code)) return std::nullopt;
  verdict.text = line;
  return verdict;
}

VerdictInput::VerdictInput(reactor::Loop& loop, std::function<void(const Verdict&)> on_verdict,
                           std::function<void(const std::string&)> on_wrong)
    : on_verdict_(std::move(on_verdict)),
      on_wrong_(std::move(on_wrong)),
      input_(loop, [this](InputBlock block) { take(std::move(block)); }) {
  lines_.set_bytes_max(4 << 10);
  input_.give_back({});
}

void VerdictInput::take(InputBlock block) {
  lines_.give({block.bytes.data(), block.size});
  const bool ended = block.size == 0;
  if (ended) lines_.end();
  std::string_view line;
  for (;;) {
    const LineReader::Next next = lines_.next(line);
    if (next == LineReader::Next::kNeedMore || next == LineReader::Next::kEnd) break;
    ++line_number_;
    const auto verdict = next == LineReader::Next::kLine ? parse_verdict(line) : std::nullopt;
    if (verdict) {
      on_verdict_(*verdict);
    } else {
      on_wrong_("line " + std::to_string(line_number_) +
                " of standard input is no verdict: ack TAG, upto TAG, or refuse TAG [CODE [TEXT]]");
    }
  }
  if (!ended) input_.give_back(std::move(block));
}

}  // namespace onehop::cli
