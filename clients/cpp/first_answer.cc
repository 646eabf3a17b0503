// See the header.
#include "client/first_answer.h"

#include <algorithm>

namespace onehop::client {

// A frame of onehop has the number of its kind behind its length, which none of these has there.
std::string FirstAnswer::foreign(bool all) const {
  const bool tls = bytes_.size() >= 3 && bytes_[0] >= '\x14' && bytes_[0] <= '\x17' && bytes_[1] == '\x03';
  if (tls) return "TLS, and expects an encrypted connection";
  const bool http = bytes_.starts_with("HTTP/");
  if (!http && !bytes_.starts_with("SSH-")) return {};
  const bool complete = all || bytes_.size() == kBytesMax || bytes_.find('\n') != std::string::npos;
  if (!complete) return {};
  return (http ? "HTTP: " : "SSH: ") + first_line();
}

std::string FirstAnswer::first_line() const {
  std::string line = bytes_.substr(0, bytes_.find_first_of("\r\n"));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return line;
}

}  // namespace onehop::client
