// The thread behind clients: a loop, and calls that reach it from other threads.
//
// Lifetimes: the thread itself keeps an IoCore alive, and so does each IoHandle. Handles are held by IoThread and by
// each Client; the last one to go ends the thread. So whoever runs on the thread can rely on the core until the end.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "client/loop_host.h"
#include "client/threaded/once.h"
#include "onehop/loop_client.h"
#include "reactor/fork_guard.h"
#include "reactor/mailbox.h"

namespace onehop::client {

// One client, as the thread sees it.
class IoMember {
 public:
  // On the thread, once for each call().
  virtual void on_call() = 0;

 protected:
  ~IoMember() = default;
};

class IoHandle;

class IoCore {
 public:
  // On failure nothing, and why in `error`.
  static std::shared_ptr<IoHandle> start(std::string& error);
  IoCore();
  ~IoCore();
  IoCore(const IoCore&) = delete;
  IoCore& operator=(const IoCore&) = delete;

  // ANY THREAD.
  bool in_thread() const { return thread_ == std::this_thread::get_id(); }
  std::thread::id thread() const { return thread_; }
  const reactor::ForkGuard& fork_guard() const { return fork_guard_; }
  // ANY THREAD: has on_call() called. The member must live until then.
  void call(IoMember& member) { calls_->post(&member); }

  // On the thread.
  ClientLoop::Impl& host() { return client_loop_->impl(); }

 private:
  friend class IoHandle;
  struct Handles;

  bool open(std::string& error);
  void run();
  void stop();

  const reactor::ForkGuard fork_guard_;
  std::unique_ptr<Handles> handles_;
  std::optional<ClientLoop> client_loop_;
  std::optional<reactor::Mailbox<IoMember*>> calls_;
  Once running_;
  std::thread::id thread_;
};

class IoHandle {
 public:
  IoHandle(std::shared_ptr<IoCore> core, std::thread thread);
  // Ends the thread, and waits for it where it is another.
  ~IoHandle();
  IoHandle(const IoHandle&) = delete;
  IoHandle& operator=(const IoHandle&) = delete;

  IoCore& core() { return *core_; }

 private:
  std::shared_ptr<IoCore> core_;
  std::unique_ptr<std::thread> thread_;
};

}  // namespace onehop::client
