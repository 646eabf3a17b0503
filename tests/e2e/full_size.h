// How large the fault tests are: small enough for every run by default; as docs/delivery.md's promises were shown, with
//
//   ONEHOP_TEST_FULL=1 build/release/bin/NAME_OF_THE_TEST
#pragma once

#include <cstdlib>

namespace onehop::test {

inline bool full_size() {
  const char* value = std::getenv("ONEHOP_TEST_FULL");
  return value != nullptr && *value != '\0' && *value != '0';
}

template <typename Number>
Number full_or(Number full, Number usual) {
  return full_size() ? full : usual;
}

}  // namespace onehop::test
