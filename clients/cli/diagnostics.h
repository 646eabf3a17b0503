// What every command says on standard error, as text or as JSON. Results are not its business: they go to standard
// output.
#pragma once

#include <string>

namespace onehop::cli {

// "onehop: WHAT", or {"event":"error","text":"WHAT"}.
void write_error(bool json, const std::string& what);
// The same about what is no error; in JSON `event` names it.
void write_note(bool json, const char* event, const std::string& what);

}  // namespace onehop::cli
