// One line on a terminal that is written again and again while a command runs, and is gone when it ends.
#pragma once

#include <cstdint>
#include <functional>

#include "reactor/loop.h"
#include "reactor/timer.h"

namespace onehop::cli {

class ProgressLine {
 public:
  struct Counts {
    uint64_t sent;
    uint64_t reached;
    uint64_t failed;
  };

  // `counts` is called when the line is written. Nothing is ever written unless standard error is a terminal.
  ProgressLine(reactor::Loop& loop, std::function<Counts()> counts);

  // The line shows a second after this. `reached` names what Counts::reached counts.
  void begin(const char* reached);
  // Makes place for another line. The progress shows again below it.
  void hide();
  void end();

 private:
  void show();

  reactor::Loop& loop_;
  std::function<Counts()> counts_;
  reactor::Timer next_;
  const char* reached_name_ = "";
  uint64_t began_ms_ = 0;
  uint64_t shown_ms_ = 0;
  uint64_t shown_done_ = 0;
  bool visible_ = false;
};

}  // namespace onehop::cli
