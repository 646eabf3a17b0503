// Closing descriptors, and naming errors. A descriptor is closed once: Linux frees it even when close() is interrupted,
// so that a second attempt could close a stranger's.
#include "reactor/fd.h"

#include <unistd.h>

#include <system_error>

namespace onehop::reactor {

void Fd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

std::string error_text(int error) {
  return std::generic_category().message(error);
}

}  // namespace onehop::reactor
