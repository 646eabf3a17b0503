// The rows of docs/wire.md's table of bad bytes, written out: what a peer sends and the code it must be told.
#pragma once

#include <string>
#include <vector>

#include "onehop/v1/onehop.pb.h"

namespace onehop::test {

struct BadRow {
  std::string name;  // For people; unique.
  bool connected;    // Whether a good Connect goes before it.
  std::string bytes;
  v1::Code code;
  std::string text;  // Part of what the goodbye says.
};

// Every row whose bytes are an error at once; what is an error only by never coming is the deadlines' test.
std::vector<BadRow> bad_rows();

}  // namespace onehop::test
