// The broker's address as people write it on the command line.
#pragma once

#include <string>
#include <string_view>

namespace onehop::cli {

// Reads host, host:port, [v6], [v6]:port, /path, or what reactor::Address reads, and returns the whole address; a port
// that is missing is 7411. `error` says what is wrong, if anything is. Nobody can connect to port 0.
std::string whole_server_address(std::string_view text, std::string& error);

}  // namespace onehop::cli
