// A handler that writes a mark into a pipe, which the loop watches.
#include "reactor/signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <utility>

namespace onehop::reactor {
namespace {

// Where the signal handler leaves its mark; -1: nowhere.
int signal_pipe = -1;

void on_unix_signal(int) {
  const char mark = 0;
  // A full pipe has marks enough.
  static_cast<void>(!write(signal_pipe, &mark, 1));
}

void set_handler(void (*handler)(int), int flags) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

Signals::Signals(Loop& loop, std::function<void()> on_signal) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) std::abort();
  read_end_.reset(ends[0]);
  write_end_.reset(ends[1]);
  const auto on_mark = [this, on_signal = std::move(on_signal)] {
    char marks[16];
    static_cast<void>(!read(read_end_.get(), marks, sizeof marks));
    // A second signal is not a request any more.
    set_handler(SIG_DFL, 0);
    on_signal();
  };
  if (watch_.start(loop, read_end_.get(), UV_READABLE, on_mark) != 0) std::abort();
  signal_pipe = write_end_.get();
  set_handler(on_unix_signal, SA_RESTART);
}

Signals::~Signals() {
  set_handler(SIG_DFL, 0);
  signal_pipe = -1;
}

}  // namespace onehop::reactor
