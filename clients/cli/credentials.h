// What a client's command shows the broker. Secrets come from a file or from the environment, and never from a flag,
// which everybody on the machine can read.
#pragma once

#include <string>

namespace onehop::cli {

// The first line of the file. False: there is none; `error` says why.
bool read_client_token(const std::string& path, std::string& token, std::string& error);

// What ONEHOP_TOKEN holds, or the file that ONEHOP_TOKEN_FILE names. The token itself comes before the file.
void take_token_of_environment(std::string& token, std::string& file);

}  // namespace onehop::cli
