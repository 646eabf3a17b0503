// What topics may be called, and what a subscription may ask for.
//
// A topic is 1 to 255 bytes that a client's name may have (base/name.h), in levels separated by slashes. A level may be
// empty. A filter is a topic in which `+` may stand for any one level, and `#` at the end for the level before it and
// everything below. Neither may be a part of a level. Names exclude both, so no topic looks like a wildcard filter.
//
//   filter      matches                          does not match
//   a/b         a/b                              a, a/b/c
//   a/+         a/b, a/                          a, a/b/c
//   a/#         a, a/, a/b, a/b/c                ab
//   #           everything
#pragma once

#include "core/base/bytes.h"

namespace onehop::core {

// Walks over the levels of a topic or a filter.
class Levels {
 public:
  explicit Levels(Bytes text) : rest_(text) {}

  // The next level; false if there is none.
  bool next(Bytes& level) {
    if (at_end_) return false;
    const size_t slash = rest_.find('/');
    level = rest_.substr(0, slash);
    at_end_ = slash == Bytes::npos;
    if (!at_end_) rest_.remove_prefix(slash + 1);
    return true;
  }
  bool at_end() const { return at_end_; }

 private:
  Bytes rest_;
  bool at_end_ = false;
};

bool is_valid_topic(Bytes topic);
bool is_valid_filter(Bytes filter);
// Whether a valid filter matches other topics than the one of its own text.
bool has_wildcard(Bytes filter);

}  // namespace onehop::core
