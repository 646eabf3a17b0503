// The verdicts of `onehop listen --ack manual`: lines of standard input that say what becomes of deliveries.
//
//   ack TAG | upto TAG | refuse TAG [CODE [TEXT]]
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cli/line_reader.h"
#include "cli/standard_streams.h"

namespace onehop::cli {

struct Verdict {
  enum class Kind : uint8_t { kAck, kUpTo, kRefuse };
  Kind kind = Kind::kAck;
  uint64_t tag = 0;
  uint32_t code = 0;
  std::string_view text = {};
};

// Nothing: the line is none.
std::optional<Verdict> parse_verdict(std::string_view line);

// Reads them until the end of standard input, after which nothing more is acknowledged.
class VerdictInput {
 public:
  VerdictInput(reactor::Loop& loop, std::function<void(const Verdict&)> on_verdict,
               std::function<void(const std::string&)> on_wrong);

 private:
  void take(InputBlock block);

  std::function<void(const Verdict&)> on_verdict_;
  std::function<void(const std::string&)> on_wrong_;
  LineReader lines_;
  uint64_t line_number_ = 0;
  StandardInput input_;
};

}  // namespace onehop::cli
