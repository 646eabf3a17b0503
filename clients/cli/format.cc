// See the header.
#include "cli/format.h"

#include <cstdint>
#include <utility>

#include "core/base/utf8.h"

namespace onehop::cli {
namespace {

constexpr std::string_view kFields = "fipslHtr";
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

}  // namespace

Format::Format(std::string_view text) {
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

void Format::write(const client::Message& message, std::string& out) const {
  for (const Part& part : parts_) {
    out += part.literal;
    switch (part.field) {
      case 'f':
        out += message.from;
        break;
      case 'i':
        out += std::to_string(message.id);
        break;
      case 's':
        out += std::to_string(message.from_session);
        break;
      case 'p':
        out += message.payload;
        break;
      case 'l':
        out += std::to_string(message.payload.size());
        break;
      case 't':
        out += std::to_string(message.tag.tag);
        break;
      case 'r':
        if (message.redelivered) out += "again";
        break;
      case 'H':
        write_headers(message, out);
        break;
      default:
        break;
    }
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

void write_json(const client::Message& message, std::string& out) {
  out += "{\"from\":";
  write_json_string(message.from, out);
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

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      out += c;
    } else {
      out += "\\x";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    }
  }
  return out;
}

}  // namespace onehop::cli
