// One JSON line of onehopd's log, read strictly: an object of strings, lists of strings, whole
// numbers and true, as JSON (RFC 8259) has it, and nothing else.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace onehop::test {

using LogLine = std::map<std::string, std::string>;

// Nothing if it is not such a line, or names a key twice. Escapes below U+0100 become that byte.
std::optional<LogLine> parse_log_line(std::string_view text);

// The value, or an empty text.
std::string value_of(const LogLine& line, const std::string& key);

}  // namespace onehop::test
