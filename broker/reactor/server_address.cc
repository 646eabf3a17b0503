// See the header.
#include "reactor/server_address.h"

namespace onehop::reactor {

namespace {

std::optional<Address> with_port(std::optional<Address> address, std::string_view text, std::string& error) {
  if (!address || address->is_unix() || address->port() != 0) return address;
  error = "address '" + std::string(text) + "': nobody can connect to port 0";
  return std::nullopt;
}

}  // namespace

std::optional<Address> parse_server_address(std::string_view text, std::string& error) {
  return with_port(Address::parse(text, error), text, error);
}

std::optional<Address> parse_server_address_or_tls(std::string_view text, std::string& error) {
  return with_port(Address::parse_or_tls(text, error), text, error);
}

}  // namespace onehop::reactor
