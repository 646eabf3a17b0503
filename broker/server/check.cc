// Broker::check: everything about options that can be known without listening.
#include <optional>
#include <utility>

#include "onehop/broker.h"
#include "reactor/address.h"
#include "server/arrival_rules.h"
#include "server/options.h"

namespace onehop {
namespace {

// Host names are looked up when they are listened on; what is said here needs no name service.
std::string wrong_with_address(const std::string& text, const BrokerOptions& options) {
  std::string error;
  const std::optional<reactor::Address> address = reactor::Address::parse_or_tls(text, error);
  if (!address) return error;
  if (address->is_tls()) return server::wrong_with_tls(text, options);
  const std::optional<reactor::SocketAddress> numeric = reactor::numeric_address(*address);
  return numeric ? server::wrong_with_plaintext(text, *numeric, options.allow_plaintext) : std::string();
}

}  // namespace

std::string server::wrong_with_tls(const std::string& text, const BrokerOptions& options) {
  return options.tls != nullptr ? std::string() : text + ": TLS needs a certificate: see tls_certificate_file";
}

std::string server::wrong_with_plaintext(const std::string& text, const reactor::SocketAddress& address,
                                         bool allow_plaintext) {
  const std::string resolved = address.text();
  if (allow_plaintext || address.is_unix() || resolved.starts_with("tcp://127.") ||
      resolved.starts_with("tcp://[::1]")) {
    return {};
  }
  return text + ": not a loopback address, and nothing is encrypted there: use tls://, or set allow_plaintext";
}

std::vector<std::string> Broker::check_all(const BrokerOptions& given) {
  const BrokerOptions options = server::with_defaults(given);
  std::vector<std::string> all = server::all_wrong_with(options);
  server::ArrivalRules rules(options, options.shards);
  if (std::string wrong; !rules.set(options, wrong)) all.push_back(std::move(wrong));
  const std::pair<const char*, const std::vector<std::string>&> lists[] = {{"listen: ", options.listen},
                                                                           {"listen_proxy: ", options.listen_proxy}};
  for (const auto& [name, addresses] : lists) {
    for (const std::string& text : addresses) {
      const std::string wrong = wrong_with_address(text, options);
      if (!wrong.empty()) all.push_back(name + wrong);
    }
  }
  return all;
}

std::string Broker::check(const BrokerOptions& options) {
  const std::vector<std::string> all = check_all(options);
  return all.empty() ? std::string() : all.front();
}

}  // namespace onehop
