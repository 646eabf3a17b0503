// A session kept in a file, so that another process can go on with it.
//
// The file is text, a line for each of: name, session, token (hexadecimal), attempt. It is replaced as a whole, and
// only its owner can read it: who has the token is the client.
#pragma once

#include <optional>
#include <string>

#include "onehop/client_types.h"

namespace onehop::cli {

// The session in the file; nothing if there is no such file. What is wrong with it, or with reading it, is in `error`.
std::optional<client::SavedSession> read_state(const std::string& path, std::string& error);

// Returns what went wrong; empty: nothing.
std::string write_state(const std::string& path, const client::SavedSession& session);

}  // namespace onehop::cli
