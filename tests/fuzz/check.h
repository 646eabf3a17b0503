// How a fuzz target says that it found something: the program ends at once, and the input is the report.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace onehop::fuzz {

// `finding` says what is wrong; nothing is wrong if it is empty.
inline void require_none(const std::string& finding) {
  if (finding.empty()) return;
  std::fprintf(stderr, "found: %s\n", finding.c_str());
  std::abort();
}

inline void require(bool holds, const char* otherwise) {
  if (!holds) require_none(otherwise);
}

}  // namespace onehop::fuzz
