// What a client may be called: 1 to 255 bytes of visible ASCII (0x21 to 0x7E) without " ' \ ` * > # + ? and comma, and
// with no $ at the front. Names are compared byte for byte.
//
// The rule binds the name a client asks for in Connect. A destination is not checked: what nobody can own is unknown.
#pragma once

#include "core/base/bytes.h"

namespace onehop::core {

inline constexpr size_t kNameBytesMax = 255;

// Whether `name` keeps the rule. A name that begins with ~ does; whose it may be is the directory's question.
bool is_valid_name(Bytes name);

// Whether `name` is of the kind the broker makes for clients that give none: those begin with ~.
inline bool is_generated_name(Bytes name) {
  return !name.empty() && name.front() == '~';
}

}  // namespace onehop::core
