// How messages and reports look: the text format of -f, and JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "onehop/client_types.h"

namespace onehop::cli {

// A text format, read once. The escapes are those of 'onehop listen --help'.
class Format {
 public:
  // `text` is one that what_is_wrong_with_format() has nothing to say about. With `for_terminal` everything that comes
  // from a message is written so that it cannot command a terminal.
  explicit Format(std::string_view text, bool for_terminal = false);

  // Appends the message, which arrived at that time, to `out`.
  void write(const client::Message& message, uint64_t received_unix_ms, std::string& out) const;

 private:
  // Literal text, then one field; '\0': none.
  struct Part {
    std::string literal;
    char field;
  };
  void write_field(char field, const client::Message& message, std::string& out) const;
  void write_bytes(std::string_view bytes, bool is_payload, std::string& out) const;

  const bool for_terminal_;
  std::vector<Part> parts_;
};

// Empty: nothing.
std::string what_is_wrong_with_format(std::string_view text);

// Appends the message, which arrived at that time, as one JSON object and a newline.
void write_json(const client::Message& message, uint64_t received_unix_ms, std::string& out);

uint64_t unix_ms_now();

// "2026-11-23T01:29:59.042Z".
std::string time_with_ms(uint64_t unix_ms);

// Appends `bytes` with \xNN for all that a terminal might obey: control characters, also those of 8 bits, and bytes
// that are no UTF-8. With `keeps_lines` tabs and newlines stay.
void write_for_terminal(std::string_view bytes, bool keeps_lines, std::string& out);

// As write_for_terminal(), for text that somebody has typed: tabs and newlines are escaped, too.
std::string as_typed(std::string_view text);

// Appends `text`, which is valid UTF-8, as a JSON string with its quotes.
void write_json_string(std::string_view text, std::string& out);

// Appends "name":"text" if it is valid UTF-8, else "name_base64":"…".
void write_json_bytes(std::string_view name, std::string_view bytes, std::string& out);

// Text of unknown origin, as a terminal should see it: control characters and what is not ASCII as \xNN.
std::string printable(std::string_view text);

}  // namespace onehop::cli
