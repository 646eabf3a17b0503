// See the header.
#include "cli/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <sstream>
#include <string_view>

#include "reactor/fd.h"
#include "reactor/file_text.h"

namespace onehop::cli {
namespace {

constexpr std::string_view kFirstLine = "onehop session";
constexpr size_t kStateBytesMax = 64 << 10;

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kDigits[static_cast<uint8_t>(c) >> 4];
    out += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

bool from_hex(std::string_view text, std::string& out) {
  if (text.empty() || text.size() % 2 != 0) return false;
  for (size_t i = 0; i < text.size(); i += 2) {
    uint8_t byte = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    if (error != std::errc() || end != text.data() + i + 2) return false;
    out += static_cast<char>(byte);
  }
  return true;
}

template <typename Number>
bool from_text(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool take_line(const std::string& line, client::SavedSession& session) {
  const size_t equals = line.find('=');
  if (equals == std::string::npos) return false;
  const std::string key = line.substr(0, equals);
  const std::string value = line.substr(equals + 1);
  if (key == "name") session.name = value;
  if (key == "session") return from_text(value, session.session);
  if (key == "token") return from_hex(value, session.token);
  if (key == "attempt") return from_text(value, session.attempt);
  return true;
}

}  // namespace

std::optional<client::SavedSession> read_state(const std::string& path, std::string& error) {
  const reactor::FileText file = reactor::read_file(path, kStateBytesMax);
  if (!file.text) {
    if (!file.missing) error = "cannot read " + path + ": " + file.error;
    return std::nullopt;
  }
  std::istringstream lines(*file.text);
  std::string line;
  client::SavedSession session;
  bool whole = std::getline(lines, line) && line == kFirstLine;
  while (whole && std::getline(lines, line)) whole = take_line(line, session);
  if (whole && !session.name.empty() && session.session != 0 && !session.token.empty()) return session;
  error = path + " holds no session";
  return std::nullopt;
}

std::string write_state(const std::string& path, const client::SavedSession& session) {
  const std::string text = std::string(kFirstLine) + "\nname=" + session.name +
                           "\nsession=" + std::to_string(session.session) + "\ntoken=" + to_hex(session.token) +
                           "\nattempt=" + std::to_string(session.attempt) + "\n";
  const std::string fresh = path + ".new";
  reactor::Fd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, S_IRUSR | S_IWUSR));
  const bool written = fd && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (written && std::rename(fresh.c_str(), path.c_str()) == 0) return {};
  return "cannot write " + path + ": " + reactor::error_text(errno);
}

}  // namespace onehop::cli
