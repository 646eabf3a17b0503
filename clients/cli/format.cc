// See the header.
#include "cli/format.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <utility>

#include "core/base/utf8.h"

namespace onehop::cli {
namespace {

constexpr std::string_view kFields = "foipslHtrT";
constexpr std::string_view kHexDigits = "0123456789abcdef";

// What a backslash and this character stand for; -1: nothing.
int unescape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case '0':
      return '\0';
    case '\\':
      return '\\';
    default:
      return -1;
  }
}

void write_base64(std::string_view bytes, std::string& out) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) {
      group = group << 8 | (at + i < bytes.size() ? static_cast<uint8_t>(bytes[at + i]) : 0);
    }
    for (size_t i = 0; i < 4; ++i) {
      out += at + i <= bytes.size() ? kDigits[group >> (18 - 6 * i) & 63] : '=';
    }
  }
}

void write_headers(const client::Message& message, std::string& out) {
  bool first = true;
  for (const client::Header& header : message.headers) {
    if (!std::exchange(first, false)) out += ',';
    out.append(header.key).append("=").append(header.value);
  }
}

// "\x1b".
void write_hex(uint8_t byte, std::string& out) {
  out += "\\x";
  out += kHexDigits[byte >> 4];
  out += kHexDigits[byte & 15];
}

// The bytes of the UTF-8 character that `bytes` begins with; 0: it begins with none.
size_t size_of_character(std::string_view bytes) {
  const auto first = static_cast<uint8_t>(bytes[0]);
  const size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  return size <= bytes.size() && core::is_valid_utf8(bytes.substr(0, size)) ? size : 0;
}

}  // namespace

Format::Format(std::string_view text, bool for_terminal) : for_terminal_(for_terminal) {
  parts_.push_back({{}, '\0'});
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      parts_.back().literal += static_cast<char>(unescape(text[++i]));
    } else if (text[i] == '%' && text[++i] != '%') {
      parts_.back().field = text[i];
      parts_.push_back({{}, '\0'});
    } else {
      parts_.back().literal += text[i];
    }
  }
}

void Format::write(const client::Message& message, uint64_t received_unix_ms, std::string& out) const {
  for (const Part& part : parts_) {
    out += part.literal;
    if (part.field == 'T') {
      out += time_with_ms(received_unix_ms);
    } else {
      write_field(part.field, message, out);
    }
  }
}

void Format::write_field(char field, const client::Message& message, std::string& out) const {
  switch (field) {
    case 'f':
      return write_bytes(message.from, false, out);
    case 'o':
      return write_bytes(message.topic.empty() ? "-" : message.topic, false, out);
    case 'i':
      out += std::to_string(message.id);
      break;
    case 's':
      out += std::to_string(message.from_session);
      break;
    case 'p':
      return write_bytes(message.payload, true, out);
    case 'l':
      out += std::to_string(message.payload.size());
      break;
    case 't':
      out += std::to_string(message.tag.tag);
      break;
    case 'r':
      if (message.redelivered) out += "again";
      break;
    case 'H': {
      std::string headers;
      write_headers(message, headers);
      return write_bytes(headers, false, out);
    }
    default:
      break;
  }
}

void Format::write_bytes(std::string_view bytes, bool is_payload, std::string& out) const {
  if (for_terminal_) {
    write_for_terminal(bytes, is_payload, out);
  } else {
    out += bytes;
  }
}

std::string what_is_wrong_with_format(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' && text[i] != '%') continue;
    const char mark = text[i++];
    if (i == text.size()) return std::string("it ends with ") + mark;
    const bool known = mark == '\\' ? unescape(text[i]) >= 0 : text[i] == '%' || kFields.find(text[i]) != kFields.npos;
    if (!known) return printable(std::string("it has ") + mark + text[i] + ", which means nothing");
  }
  return {};
}

void write_json(const client::Message& message, uint64_t received_unix_ms, std::string& out) {
  out += "{\"received_at\":\"" + time_with_ms(received_unix_ms) + "\",\"from\":";
  write_json_string(message.from, out);
  if (!message.topic.empty()) write_json_string(message.topic, out += ",\"topic\":");
  if (message.skipped != 0) out += ",\"skipped\":" + std::to_string(message.skipped);
  out += ",\"id\":" + std::to_string(message.id);
  // As a string: it has more digits than many readers' numbers keep.
  out += ",\"from_session\":\"" + std::to_string(message.from_session) + '"';
  if (message.tag) out += ",\"tag\":" + std::to_string(message.tag.tag);
  if (message.redelivered) out += ",\"redelivered\":true";
  if (message.in_reply_to != 0) out += ",\"in_reply_to\":" + std::to_string(message.in_reply_to);
  if (message.maybe_repeated) out += ",\"maybe_repeated\":true";
  if (!message.headers.empty()) {
    out += ",\"headers\":[";
    bool first = true;
    for (const client::Header& header : message.headers) {
      out += std::exchange(first, false) ? "{\"key\":" : ",{\"key\":";
      write_json_string(header.key, out);
      out += ',';
      write_json_bytes("value", header.value, out);
      out += '}';
    }
    out += ']';
  }
  out += ',';
  write_json_bytes("payload", message.payload, out);
  out += "}\n";
}

void write_json_string(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\u00";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void write_json_bytes(std::string_view name, std::string_view bytes, std::string& out) {
  const bool text = core::is_valid_utf8(bytes);
  out += '"';
  out += name;
  out += text ? "\":" : "_base64\":\"";
  if (text) {
    write_json_string(bytes, out);
  } else {
    write_base64(bytes, out);
    out += '"';
  }
}

uint64_t unix_ms_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

std::string time_with_ms(uint64_t unix_ms) {
  const auto seconds = static_cast<time_t>(unix_ms / 1'000);
  std::tm parts{};
  char text[32];
  gmtime_r(&seconds, &parts);
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof text - size, ".%03uZ", static_cast<unsigned>(unix_ms % 1'000));
  return text;
}

void write_for_terminal(std::string_view bytes, bool keeps_lines, std::string& out) {
  while (!bytes.empty()) {
    const size_t size = size_of_character(bytes);
    const std::string_view character = bytes.substr(0, std::max<size_t>(size, 1));
    bytes.remove_prefix(character.size());
    const auto first = static_cast<uint8_t>(character[0]);
    const bool is_line = keeps_lines && (first == '\n' || first == '\t');
    const bool is_control =
        first < 0x20 || first == 0x7F || (size == 2 && first == 0xC2 && static_cast<uint8_t>(character[1]) < 0xA0);
    if (is_line || (size != 0 && !is_control)) {
      out += character;
    } else {
      for (const char c : character) write_hex(static_cast<uint8_t>(c), out);
    }
  }
}

std::string as_typed(std::string_view text) {
  std::string out;
  write_for_terminal(text, false, out);
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      out += c;
    } else {
      write_hex(byte, out);
    }
  }
  return out;
}

}  // namespace onehop::cli
