// Addresses that are connected to. They are written as those that are listened on, but port 0 is none of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "reactor/address.h"

namespace onehop::reactor {

// As Address::parse, of somebody who listens: port 0, which takes a free port there, is refused.
std::optional<Address> parse_server_address(std::string_view text, std::string& error);
// As Address::parse_or_tls, in the same way.
std::optional<Address> parse_server_address_or_tls(std::string_view text, std::string& error);

}  // namespace onehop::reactor
