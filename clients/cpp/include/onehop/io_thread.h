// A thread that several clients share: a thousand clients are not a thousand threads.
//
//   std::string error;
//   const auto thread = onehop::client::IoThread::start(error);
//   const auto alice = onehop::client::Client::start(*thread, server, {.name = "alice"}, {}, {}, error);
//
// The handlers and completions of all clients on the thread run one at a time, so one that takes long holds up all of
// them. The thread takes no signal of the program, except those of its own faults (SIGSEGV and such).
#pragma once

#include <memory>
#include <string>

#include "onehop/export.h"

namespace onehop::client {

class IoHandle;

// A thread for clients.
class ONEHOP_EXPORT IoThread {
 public:
  // Any thread. If the system has no thread or descriptor left, returns nothing and says why in `error`.
  static std::unique_ptr<IoThread> start(std::string& error);
  // Any thread, also from a handler. The thread ends when this and all of its clients are gone. If no client is left,
  // the destructor waits for that end, unless it runs on the thread itself.
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  // For the library itself.
  const std::shared_ptr<IoHandle>& handle() const { return handle_; }

 private:
  explicit IoThread(std::shared_ptr<IoHandle> handle);

  std::shared_ptr<IoHandle> handle_;
};

}  // namespace onehop::client
