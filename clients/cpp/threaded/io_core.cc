// See the headers.
#include "client/threaded/io_core.h"

#include <uv.h>

#include <exception>
#include <utility>

#include "onehop/io_thread.h"
#include "reactor/thread.h"

namespace onehop::client {

struct IoCore::Handles {
  uv_loop_t loop;
  // Keeps the loop turning until it is called.
  uv_async_t stop;
};

IoCore::IoCore() : handles_(std::make_unique<Handles>()) {}
IoCore::~IoCore() = default;

std::shared_ptr<IoHandle> IoCore::start(std::string& error) {
  try {
    const auto core = std::make_shared<IoCore>();
    if (!core->open(error)) return nullptr;
    std::thread thread = reactor::start_thread("onehop-client", [core] { core->run(); });
    core->running_.wait_for(kNoTimeLimit);
    return std::make_shared<IoHandle>(core, std::move(thread));
  } catch (const std::exception& failure) {
    error = std::string("cannot start a thread: ") + failure.what();
    return nullptr;
  }
}

bool IoCore::open(std::string& error) {
  if (const int failure = uv_loop_init(&handles_->loop); failure != 0) {
    error = std::string("cannot create an event loop: ") + uv_strerror(failure);
    return false;
  }
  // Cannot fail: the loop has made the descriptor that all of them share.
  uv_async_init(&handles_->loop, &handles_->stop,
                [](uv_async_t* stop) { uv_close(reinterpret_cast<uv_handle_t*>(stop), nullptr); });
  return true;
}

void IoCore::run() {
  thread_ = std::this_thread::get_id();
  uv_loop_t* loop = &handles_->loop;
  client_loop_.emplace(loop);
  calls_.emplace(host().loop(), [](IoMember* member) { member->on_call(); });
  running_.set();
  uv_run(loop, UV_RUN_DEFAULT);
  calls_.reset();
  client_loop_.reset();
  // Ends when everything is closed.
  uv_run(loop, UV_RUN_DEFAULT);
  uv_loop_close(loop);
}

void IoCore::stop() {
  uv_async_send(&handles_->stop);
}

IoHandle::IoHandle(std::shared_ptr<IoCore> core, std::thread thread)
    : core_(std::move(core)), thread_(std::make_unique<std::thread>(std::move(thread))) {}

IoHandle::~IoHandle() {
  if (core_->fork_guard().is_copy()) {
    // There is no such thread here, and what it was doing is left as it is.
    static_cast<void>(thread_.release());
    static_cast<void>(std::make_unique<std::shared_ptr<IoCore>>(std::move(core_)).release());
    return;
  }
  core_->stop();
  if (core_->in_thread()) {
    thread_->detach();
  } else {
    thread_->join();
  }
}

std::unique_ptr<IoThread> IoThread::start(std::string& error) {
  auto handle = IoCore::start(error);
  return handle == nullptr ? nullptr : std::unique_ptr<IoThread>(new IoThread(std::move(handle)));
}

IoThread::IoThread(std::shared_ptr<IoHandle> handle) : handle_(std::move(handle)) {}
IoThread::~IoThread() = default;

}  // namespace onehop::client
