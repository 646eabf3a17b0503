// Access: see the header.
//
// On loopback the danger is a page in a browser of the same machine: its requests come with an Origin, or, if its name
// was made to lead to 127.0.0.1, with that name as Host. A person's tools send neither.
#include "admin/access.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sodium/utils.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "reactor/fd.h"

namespace onehop::admin {
namespace {

constexpr std::string_view kBearer = "bearer ";

char lower(char c) {
  return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool same_but_for_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kWhite = " \t\r\n";
  const size_t first = text.find_first_not_of(kWhite);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kWhite) - first + 1);
}

// The host of a Host header, without its port and without brackets.
std::string_view host_in(std::string_view header) {
  if (header.starts_with('[')) {
    const size_t end = header.find(']');
    return end == header.npos ? header : header.substr(1, end - 1);
  }
  return header.substr(0, header.find(':'));
}

bool is_address(std::string_view host) {
  const std::string text(host);
  in6_addr ignored;
  return inet_pton(AF_INET, text.c_str(), &ignored) == 1 || inet_pton(AF_INET6, text.c_str(), &ignored) == 1;
}

// In a time that tells nothing of where they differ.
bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::optional<std::string> read_token(const std::string& file, std::string& error) {
  const auto refuse = [&](const std::string& why) {
    error = "token file " + file + ": " + why;
    return std::nullopt;
  };
  const reactor::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return refuse(reactor::error_text(errno));
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0) return refuse(reactor::error_text(errno));
  if (!S_ISREG(about.st_mode)) return refuse("not a file");
  if ((about.st_mode & S_IRWXO) != 0) return refuse("others may read or write it: chmod o= " + file);
  std::string text(kTokenBytesMax + 64, '\0');
  const ssize_t size = ::read(fd.get(), text.data(), text.size());
  if (size < 0) return refuse(reactor::error_text(errno));
  text.resize(static_cast<size_t>(size));
  const std::string_view token = trimmed(text);
  if (token.size() < kTokenBytesMin) return refuse("a token has at least 16 characters");
  if (token.size() > kTokenBytesMax) return refuse("a token has at most 512 characters");
  if (!std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; })) {
    return refuse("a token is one word of ASCII");
  }
  return std::string(token);
}

void Access::set_token(std::string token) {
  const std::lock_guard lock(mutex_);
  token_ = std::move(token);
}

std::optional<Answer> Access::refusal(const Request& request) const {
  return entrance_.kind == Entrance::Kind::kNetwork ? network_refusal(request) : local_refusal(request);
}

std::optional<Answer> Access::local_refusal(const Request& request) const {
  if (request.has_origin) return error_answer(403, "requests of web pages are refused here");
  if (entrance_.kind == Entrance::Kind::kUnix) return std::nullopt;
  const std::string_view host = host_in(request.host);
  if (same_but_for_case(host, "localhost") || same_but_for_case(host, entrance_.host) || is_address(host)) {
    return std::nullopt;
  }
  return error_answer(403, "the Host of the request is not this machine: say localhost or an address");
}

std::optional<Answer> Access::network_refusal(const Request& request) const {
  if (!entrance_.allow_plaintext) {
    return error_answer(403, "not on loopback, and there is no encryption yet: allow_plaintext must be set");
  }
  const std::lock_guard lock(mutex_);
  if (token_.empty()) return error_answer(403, "not on loopback: a token file must be set (admin_token_file)");
  if (!request.authorization) return error_answer(401, "this needs the header Authorization: Bearer TOKEN");
  const std::string_view given = *request.authorization;
  if (!same_but_for_case(given.substr(0, kBearer.size()), kBearer) ||
      !same_secret(trimmed(given.substr(kBearer.size())), token_)) {
    return error_answer(401, "this is not the token");
  }
  return std::nullopt;
}

}  // namespace onehop::admin
