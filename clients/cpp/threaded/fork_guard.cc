// See the header.
#include "client/threaded/fork_guard.h"

#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace onehop::client {
namespace {

// The kernel rounds it up to a page.
constexpr size_t kMarkBytes = sizeof(std::atomic<unsigned>);

}  // namespace

ForkGuard::ForkGuard() : process_(getpid()) {
  void* page = mmap(nullptr, kMarkBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  if (madvise(page, kMarkBytes, MADV_WIPEONFORK) == 0) {
    mark_ = new (page) std::atomic<unsigned>(1);
  } else {
    munmap(page, kMarkBytes);
  }
}

ForkGuard::~ForkGuard() {
  if (mark_ != nullptr) munmap(mark_, kMarkBytes);
}

bool ForkGuard::is_other_process() const {
  return getpid() != process_;
}

}  // namespace onehop::client
