// See the header.
#include "reactor/server_address.h"

namespace onehop::reactor {

std::optional<Address> parse_server_address(std::string_view text, std::string& error) {
  std::optional<Address> address = Address::parse(text, error);
  if (!address || address->is_unix() || address->port() != 0) return address;
  error = "address '" + std::string(text) + "': nobody can connect to port 0";
  return std::nullopt;
}

}  // namespace onehop::reactor
