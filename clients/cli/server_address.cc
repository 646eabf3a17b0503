// See the header.
#include "cli/server_address.h"

#include <algorithm>

#include "reactor/server_address.h"

namespace onehop::cli {
namespace {

constexpr std::string_view kDefaultPort = ":7411";

std::string with_scheme(std::string_view text) {
  if (text.find("://") != text.npos) return std::string(text);
  if (text.starts_with('/')) return "unix://" + std::string(text);
  std::string host(text);
  const bool bare_v6 = !text.starts_with('[') && std::count(text.begin(), text.end(), ':') > 1;
  if (bare_v6) host = "[" + host + "]";
  const bool has_port = host.find(':', host.find(']') == host.npos ? 0 : host.find(']')) != host.npos;
  if (!has_port) host += kDefaultPort;
  return "tcp://" + host;
}

}  // namespace

std::string whole_server_address(std::string_view text, std::string& error) {
  if (text.empty()) {
    error = "the address is empty";
    return {};
  }
  std::string whole = with_scheme(text);
  reactor::parse_server_address_or_tls(whole, error);
  return whole;
}

}  // namespace onehop::cli
