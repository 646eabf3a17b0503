// Starting, naming and joining the thread of a loop.
#include "reactor/thread.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <cassert>
#include <utility>

namespace onehop::reactor {
namespace {

constexpr size_t kNameBytesMax = 15;

void pin_to(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<size_t>(core), &cores);
  pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
}

// Blocks signals in the calling thread, of which a thread that it starts inherits that, until this is gone.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&blocked, fault);
    pthread_sigmask(SIG_BLOCK, &blocked, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

std::thread start_thread(std::string name, std::function<void()> run) {
  const SignalsBlocked signals_blocked;
  return std::thread([name = std::move(name), run = std::move(run)] {
    pthread_setname_np(pthread_self(), name.substr(0, kNameBytesMax).c_str());
    run();
  });
}

Thread::Thread(const std::string& name, std::optional<int> core) : name_(name), core_(core) {}

Thread::~Thread() {
  if (running()) stop_and_join();
}

void Thread::start(uint32_t spin_us) {
  assert(!running());
  thread_ = start_thread(name_, [this, spin_us] {
    if (core_) pin_to(*core_);
    loop_.run(spin_us);
  });
}

void Thread::stop_and_join() {
  loop_.stop();
  thread_.join();
}

}  // namespace onehop::reactor
