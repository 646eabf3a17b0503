// A terminal that shows one screen which is drawn again and again, and tells single keys. As it was when this is gone.
#pragma once

#include <termios.h>

#include <chrono>
#include <string>
#include <vector>

namespace onehop::cli {

class Terminal {
 public:
  // Whether standard output is one that can be drawn on.
  static bool is_there();

  // There may be only one at a time: it owns what SIGINT, SIGTERM and SIGHUP mean.
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  int columns() const;
  int rows() const;
  // As much of the lines as fits. False: nobody takes it any more.
  bool draw(const std::vector<std::string>& lines) const;

  // The next key before that time, but q; '\0': none, as also when its size changes or the end is wanted.
  char wait_for_key(std::chrono::steady_clock::time_point until);
  // By q, by one of the signals, or because nobody is there who presses keys any more.
  bool end_is_wanted();

 private:
  void read_key(int wait_ms);

  bool has_keys_ = false;
  bool quit_ = false;
  char key_ = '\0';
  termios before_{};
};

}  // namespace onehop::cli
