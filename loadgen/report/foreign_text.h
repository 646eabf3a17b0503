// Text that comes from elsewhere (a server, a file, a command line), made harmless for the place where it is shown.
#pragma once

#include <string>
#include <string_view>

namespace onehop::loadgen {

// For a terminal: control characters, which could move the cursor or begin a line, become "\x1b".
std::string visible(std::string_view text);

// The same text if it is UTF-8. Otherwise every byte that is not ASCII becomes a question mark.
std::string as_utf8(std::string text);

// For HTML and XML: the text of an element or the value of a quoted attribute. Control characters become visible, since
// XML has no way to write most of them. XML must be UTF-8, so a caller that writes XML passes as_utf8(text).
std::string escaped(std::string_view text);

}  // namespace onehop::loadgen
