// Access: see the header.
//
// On loopback the danger is a page in a browser of the same machine: its requests come with an Origin, or, if its name
// was made to lead to 127.0.0.1, with that name as Host. A person's tools send neither.
#include "admin/access.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium/utils.h>
#include <sys/stat.h>

#include <algorithm>

#include "reactor/file_text.h"

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

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A name or an IPv4 address with or without a port, or an IPv6 address in brackets. Nothing else: what another reader
// could take for another host is none.
struct HostHeader {
  std::string host;  // Empty: the header is none of these.
  bool in_brackets = false;
};

HostHeader host_in(std::string_view header) {
  const bool in_brackets = header.starts_with('[');
  const size_t end = in_brackets ? header.find(']') : std::min(header.find(':'), header.size());
  if (end == header.npos) return {};
  const std::string_view behind = header.substr(in_brackets ? end + 1 : end);
  if (!behind.empty() && (behind.front() != ':' || !is_port(behind.substr(1)))) return {};
  return {std::string(header.substr(in_brackets, end - in_brackets)), in_brackets};
}

bool is_address(const HostHeader& header) {
  // What the resolver sees must be all of it.
  if (header.host.find('\0') != header.host.npos) return false;
  in6_addr ignored;
  return inet_pton(header.in_brackets ? AF_INET6 : AF_INET, header.host.c_str(), &ignored) == 1;
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
  reactor::FileText file_text = reactor::read_file(file, kTokenBytesMax + 64);
  if (!file_text.text) return refuse(file_text.error);
  if ((file_text.mode & S_IRWXO) != 0) return refuse("others may read or write it: chmod o= " + file);
  const std::string_view token = trimmed(*file_text.text);
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
  const HostHeader header = host_in(request.host);
  const bool is_our_name =
      !header.in_brackets && !header.host.empty() &&
      (same_but_for_case(header.host, "localhost") || same_but_for_case(header.host, entrance_.host));
  if (is_our_name || is_address(header)) return std::nullopt;
  return error_answer(403, "the Host of the request is not this machine: say localhost or an address");
}

std::optional<Answer> Access::network_refusal(const Request& request) const {
  if (!entrance_.allow_plaintext) {
    return error_answer(403, "not on loopback, and nothing is encrypted here: allow_plaintext must be set");
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
