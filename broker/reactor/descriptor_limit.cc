// Reading and raising RLIMIT_NOFILE.
#include "reactor/descriptor_limit.h"

#include <sys/resource.h>

namespace onehop::reactor {

uint64_t descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

uint64_t raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return descriptor_limit();
}

}  // namespace onehop::reactor
