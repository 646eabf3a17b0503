// UTF-8, as protobuf's parsers want it in string fields: the shortest form only, no surrogates, nothing above U+10FFFF;
// NUL and the noncharacters are allowed.
#pragma once

#include "core/base/bytes.h"

namespace onehop::core {

// Whether every parser takes `text` as a string. ASCII is checked eight bytes at a time.
bool is_valid_utf8(Bytes text);

// The longest beginning of `text`, which is valid UTF-8, that has at most `bytes_max` bytes and ends with a whole
// character.
Bytes cut_utf8(Bytes text, size_t bytes_max);

}  // namespace onehop::core
