// Standard input and output beside an event loop. Each has a thread that blocks, so that neither has to be made
// nonblocking, which would change it for every other process that shares it (a shell's terminal, for one).
//
// Both are bounded: input is read only into blocks that the command gave back, output is taken one block at a time.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "reactor/fd.h"
#include "reactor/loop.h"
#include "reactor/mailbox.h"

namespace onehop::cli {

// Lets a thread wait for a descriptor or for the order to stop, whichever comes first.
class Stopper {
 public:
  Stopper();
  // Any thread.
  void stop();
  // Waits until `fd` is ready for `events` (of poll()); false: not before the order to stop, or `timeout_ms` after it.
  bool wait_for(int fd, short events, int timeout_ms) const;

 private:
  reactor::Fd read_end_;
  reactor::Fd write_end_;
};

// What one read brought. No bytes: the end of the input, or `error`, an errno value.
struct InputBlock {
  std::vector<char> bytes;
  size_t size = 0;
  int error = 0;
};

class StandardInput {
 public:
  // `on_block` is called on the loop's thread. Reading begins with give_back().
  StandardInput(reactor::Loop& loop, std::function<void(InputBlock)> on_block);
  ~StandardInput();

  // Has one more block read, into the memory of this one. Several may be under way; they arrive in order.
  void give_back(InputBlock block);

 private:
  void run();

  reactor::Mailbox<InputBlock> blocks_;
  Stopper stopper_;
  std::mutex mutex_;
  std::condition_variable wanted_;
  std::vector<InputBlock> free_;
  bool stopping_ = false;
  std::thread thread_;
};

class StandardOutput {
 public:
  // `on_progress` is called on the loop's thread when a block was written, or could not be: then error() says why.
  StandardOutput(reactor::Loop& loop, std::function<void()> on_progress);
  // Writes what is left, but waits no longer than a second for a reader that takes nothing.
  ~StandardOutput();

  // Where to append what is to be written.
  std::string& buffer() { return buffer_; }
  // Begins to write the buffer, if the thread is free. Otherwise it does so when it is.
  void flush();
  // Bytes of the buffers so far that are written.
  uint64_t written_bytes() const { return written_bytes_; }
  int error() const { return error_; }

 private:
  struct Written {
    std::string block;
    int error;
  };

  void run();
  int write_all(std::string_view bytes) const;
  void on_written(Written written);

  reactor::Mailbox<Written> written_;
  Stopper stopper_;
  std::function<void()> on_progress_;
  std::string buffer_;
  std::string spare_;
  bool busy_ = false;
  int error_ = 0;
  uint64_t written_bytes_ = 0;

  std::mutex mutex_;
  std::condition_variable wanted_;
  std::string block_;
  bool has_block_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace onehop::cli
