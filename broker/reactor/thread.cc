// Starting, naming and joining the thread of a loop.
#include "reactor/thread.h"

#include <pthread.h>
#include <sched.h>

#include <cassert>

namespace onehop::reactor {
namespace {

constexpr size_t kNameBytesMax = 15;

void pin_to(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<size_t>(core), &cores);
  pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
}

}  // namespace

Thread::Thread(const std::string& name, std::optional<int> core) : name_(name, 0, kNameBytesMax), core_(core) {}

Thread::~Thread() {
  if (running()) stop_and_join();
}

void Thread::start(uint32_t spin_us) {
  assert(!running());
  thread_ = std::thread([this, spin_us] {
    pthread_setname_np(pthread_self(), name_.c_str());
    if (core_) pin_to(*core_);
    loop_.run(spin_us);
  });
}

void Thread::stop_and_join() {
  loop_.stop();
  thread_.join();
}

}  // namespace onehop::reactor
