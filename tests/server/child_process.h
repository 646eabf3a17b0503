// A program under test, started with its standard output and error in pipes; what it writes is gathered line by line.
// It is killed and reaped where its ChildProcess dies.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace onehop::test {

struct ChildOptions {
  std::vector<std::string> command;      // The program and its arguments.
  std::vector<std::string> environment;  // NAME=value, beside what is inherited; ONEHOP_* is not.
  unsigned descriptors_max = 0;          // RLIMIT_NOFILE, soft and hard; 0: inherited.
};

class ChildProcess {
 public:
  explicit ChildProcess(const ChildOptions& options);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  void send_signal(int signal) const;
  // Waits for its end; the exit code, or 128 + the signal that ended it.
  int wait();

  using Lines = std::vector<std::string>;
  // What it has written so far; after wait(), all of it.
  Lines output();
  Lines errors();
  // Waits until the lines satisfy the condition, or the stream has ended; returns them.
  Lines wait_for_output(const std::function<bool(const Lines&)>& holds);
  Lines wait_for_errors(const std::function<bool(const Lines&)>& holds);

  // Processor time it has used.
  uint64_t cpu_ms() const;
  size_t open_descriptors() const;

 private:
  struct Stream {
    int fd = -1;
    std::string partial;
    Lines lines;
    bool ended = false;
    std::thread reader;
  };
  void gather(Stream& stream);
  Lines wait_for(Stream& stream, const std::function<bool(const Lines&)>& holds);

  pid_t pid_ = -1;
  int status_ = -1;
  std::mutex mutex_;
  std::condition_variable changed_;
  Stream output_, errors_;
};

// onehopd with these flags, listening on a free port, and without an admin port, unless they say otherwise.
class Onehopd : public ChildProcess {
 public:
  explicit Onehopd(std::vector<std::string> flags = {}, unsigned descriptors_max = 0);

  // As printed, in order.
  const std::vector<std::string>& addresses() const { return addresses_; }
  const std::string& address() const { return addresses_.front(); }
  // Waits for it; there must be one.
  std::string admin_address();

 private:
  std::vector<std::string> addresses_;
};

// The path of onehopd in this build.
std::string onehopd_path();

}  // namespace onehop::test
