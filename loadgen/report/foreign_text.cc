// See the header.
#include "loadgen/report/foreign_text.h"

#include "core/base/utf8.h"
#include "loadgen/measure/text.h"

namespace onehop::loadgen {

std::string visible(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      shown += printed("\\x%02x", byte);
    } else {
      shown += c;
    }
  }
  return shown;
}

std::string as_utf8(std::string text) {
  if (core::is_valid_utf8(text)) return text;
  for (char& c : text) {
    if ((c & 0x80) != 0) c = '?';
  }
  return text;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : visible(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace onehop::loadgen
