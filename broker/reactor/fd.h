// A descriptor and who closes it. Exactly one Fd owns an open descriptor; it is closed where its owner dies, so a
// descriptor travelling between threads inside a message is closed wherever that message ends.
#pragma once

#include <string>
#include <utility>

namespace onehop::reactor {

// Any thread may use an Fd, one at a time.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  // Gives the descriptor up without closing it.
  int release() { return std::exchange(fd_, -1); }
  // Closes the descriptor held, if any, and owns `fd` instead.
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// What an errno value means, in words; safe in every thread, unlike strerror.
std::string error_text(int error);

}  // namespace onehop::reactor
