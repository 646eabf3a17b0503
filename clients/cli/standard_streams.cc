// See the header.
#include "cli/standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <climits>
#include <utility>

namespace onehop::cli {
namespace {

constexpr size_t kInputBlockBytes = 256 << 10;
// How long a reader of standard output may take nothing before the command ends without it.
constexpr int kLastWordsMs = 1'000;

}  // namespace

Stopper::Stopper() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  read_end_.reset(ends[0]);
  write_end_.reset(ends[1]);
}

void Stopper::stop() {
  write_end_.reset();
}

bool Stopper::wait_for(int fd, short events, int timeout_ms) const {
  pollfd both[] = {{fd, events, 0}, {read_end_.get(), 0, 0}};
  while (poll(both, 2, -1) < 0 && errno == EINTR) continue;
  if (both[0].revents != 0 || timeout_ms == 0) return both[0].revents != 0;
  while (poll(both, 1, timeout_ms) < 0 && errno == EINTR) continue;
  return both[0].revents != 0;
}

StandardInput::StandardInput(reactor::Loop& loop, std::function<void(InputBlock)> on_block)
    : blocks_(loop, std::move(on_block)), thread_([this] { run(); }) {}

StandardInput::~StandardInput() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wanted_.notify_one();
  stopper_.stop();
  thread_.join();
}

void StandardInput::give_back(InputBlock block) {
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(block));
  }
  wanted_.notify_one();
}

void StandardInput::run() {
  for (;;) {
    InputBlock block;
    {
      std::unique_lock lock(mutex_);
      wanted_.wait(lock, [this] { return stopping_ || !free_.empty(); });
      if (stopping_) return;
      block = std::move(free_.back());
      free_.pop_back();
    }
    block.bytes.resize(kInputBlockBytes);
    if (!stopper_.wait_for(STDIN_FILENO, POLLIN, 0)) return;
    ssize_t size;
    do {
      size = read(STDIN_FILENO, block.bytes.data(), block.bytes.size());
    } while (size < 0 && errno == EINTR);
    block.error = size < 0 ? errno : 0;
    block.size = size < 0 ? 0 : static_cast<size_t>(size);
    const bool last = block.size == 0;
    blocks_.post(std::move(block));
    if (last) return;
  }
}

StandardOutput::StandardOutput(reactor::Loop& loop, std::function<void()> on_progress)
    : written_(loop, [this](Written written) { on_written(std::move(written)); }),
      on_progress_(std::move(on_progress)),
      thread_([this] { run(); }) {}

StandardOutput::~StandardOutput() {
  on_progress_ = nullptr;
  stopper_.stop();
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
  }
  wanted_.notify_one();
  thread_.join();
  written_.drain();
  if (error_ == 0) write_all(buffer_);
}

void StandardOutput::flush() {
  if (busy_ || buffer_.empty()) return;
  if (error_ != 0) return buffer_.clear();
  busy_ = true;
  {
    const std::lock_guard lock(mutex_);
    block_ = std::exchange(buffer_, std::move(spare_));
    has_block_ = true;
  }
  wanted_.notify_one();
}

void StandardOutput::on_written(Written written) {
  busy_ = false;
  error_ = written.error;
  if (error_ == 0) written_bytes_ += written.block.size();
  spare_ = std::move(written.block);
  spare_.clear();
  if (on_progress_) {
    flush();
    on_progress_();
  }
}

void StandardOutput::run() {
  for (;;) {
    std::string block;
    {
      std::unique_lock lock(mutex_);
      wanted_.wait(lock, [this] { return stopping_ || has_block_; });
      if (!has_block_) return;
      block = std::move(block_);
      has_block_ = false;
    }
    const int error = write_all(block);
    written_.post({std::move(block), error});
  }
}

int StandardOutput::write_all(std::string_view bytes) const {
  while (!bytes.empty()) {
    if (!stopper_.wait_for(STDOUT_FILENO, POLLOUT, kLastWordsMs)) return ETIMEDOUT;
    // A pipe that is ready takes this much without blocking.
    const ssize_t size = write(STDOUT_FILENO, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
    if (size >= 0) {
      bytes.remove_prefix(static_cast<size_t>(size));
    } else if (errno != EINTR && errno != EAGAIN) {
      return errno;
    }
  }
  return 0;
}

}  // namespace onehop::cli
