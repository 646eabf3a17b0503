// See the header.
#include "manual/man_page.h"

#include <cctype>
#include <cstdint>
#include <cstdio>
#include <sstream>
#include <string_view>

namespace onehop::manual {
namespace {

// How many bytes the character of UTF-8 has that begins with this one, and what of its bits are in it.
size_t size_of_character(unsigned char first, uint32_t& bits) {
  const size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  bits = size == 1 ? first : first & (0xFFU >> (size + 1));
  return size;
}

// How groff is told to print an ASCII character that means something to it; empty: the character itself.
std::string_view groff_name(char c) {
  switch (c) {
    case '\\':
      return "\\e";
    case '-':
      return "\\-";
    case '\'':
      return "\\(aq";
    case '^':
      return "\\(ha";
    case '~':
      return "\\(ti";
    case '`':
      return "\\(ga";
    default:
      return {};
  }
}

// Text that groff prints as it is.
std::string escaped(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    uint32_t code = 0;
    const size_t size = size_of_character(static_cast<unsigned char>(text[at]), code);
    for (size_t i = 1; i < size && at + i < text.size(); ++i) {
      code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
    }
    at += size;
    const char c = code < 0x80 ? static_cast<char>(code) : '\0';
    if (c == '\0') {
      char name[16];
      std::snprintf(name, sizeof name, "\\[u%04X]", code);
      out += name;
    } else if (const std::string_view name = groff_name(c); !name.empty()) {
      out += name;
    } else {
      out += c;
    }
  }
  return out;
}

// A line that is text whatever it begins with.
std::string text_line(std::string_view text) {
  const bool is_request = text.starts_with('.') || text.starts_with('\'');
  return (is_request ? "\\&" : "") + escaped(text) + "\n";
}

// Whether a line stands alone above what it is about, as "Exit codes:" does.
bool is_heading(std::string_view line, std::string_view next) {
  return line.size() < 30 && line.ends_with(':') && next.starts_with(' ');
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Paragraphs; indented lines stay as they are. `heading` is the macro of headings.
std::string paragraphs(const std::string& text, std::string_view heading) {
  std::string out;
  const std::vector<std::string> lines = lines_of(text);
  bool fixed = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    const bool indented = line.starts_with(' ');
    if (fixed && !indented) out += ".fi\n";
    if (!fixed && indented) out += out.empty() ? ".nf\n" : ".PP\n.nf\n";
    fixed = indented;
    const bool begins = i == 0 || lines[i - 1].empty() || lines[i - 1].starts_with(' ');
    if (line.empty()) continue;
    if (is_heading(line, i + 1 < lines.size() ? lines[i + 1] : "")) {
      out.append(heading).append(" \"").append(escaped(line.substr(0, line.size() - 1))).append("\"\n");
      continue;
    }
    if (!indented && begins) out += ".PP\n";
    out += text_line(line);
  }
  return out + (fixed ? ".fi\n" : "");
}

std::string options_text(const std::vector<ManOption>& options) {
  std::string out;
  for (const ManOption& option : options) {
    out += ".TP\n\\fB" + escaped(option.names) + "\\fR";
    if (!option.value.empty()) out += " \\fI" + escaped(option.value) + "\\fR";
    out += "\n";
    // In one paragraph: a line break of --help has no meaning here.
    std::string text = option.text;
    for (char& c : text) c = c == '\n' ? ' ' : c;
    out += text_line(text);
  }
  return out;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

std::string man_text(const ManPage& page) {
  std::string out = ".\\\" Made by the program itself, from its table of options.\n";
  out += ".TH " + upper(page.name) + " 1 \"\" \"onehop " + page.version + "\" \"User Commands\"\n";
  out += ".SH NAME\n" + escaped(page.name) + " \\- " + escaped(page.what) + "\n";
  out += ".SH SYNOPSIS\n.nf\n";
  const std::string plain = page.commands.empty() ? page.program.synopsis : page.name + " COMMAND [OPTIONS]";
  out += "\\fB" + escaped(plain) + "\\fR\n";
  for (const ManCommand& command : page.commands) out += "\\fB" + escaped(command.synopsis) + "\\fR\n";
  out += ".fi\n.SH DESCRIPTION\n" + paragraphs(page.program.text, ".SS");
  if (!page.program.options.empty()) out += ".SH OPTIONS\n" + options_text(page.program.options);
  if (!page.commands.empty()) out += ".SH COMMANDS\n";
  for (const ManCommand& command : page.commands) {
    out += ".SS \"" + escaped(command.synopsis) + "\"\n" + paragraphs(command.text, ".SS");
    out += options_text(command.options) + paragraphs(command.footer, ".SS");
  }
  out += ".SH NOTES\n" + paragraphs(page.program.footer, ".SS");
  out += ".SH SEE ALSO\n";
  for (const std::string& other : page.see_also) {
    out += ".BR " + escaped(other) + " (1)" + (&other == &page.see_also.back() ? "\n" : ",\n");
  }
  return out;
}

}  // namespace onehop::manual
