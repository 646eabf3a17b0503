// What a local client waits for after a message was not taken (kWouldBlock), and when it may try again.
#pragma once

#include <cstddef>
#include <utility>

#include "local/send_window.h"

namespace onehop::local {

class Room {
 public:
  // A message was not taken: too much is not flushed, or the shard does not read the link.
  void wait() { waits_ = true, window_bytes_ = 0; }
  // It does not fit into the window.
  void wait_for_window(size_t frame_bytes) {
    if (!std::exchange(waits_, true) || frame_bytes < window_bytes_) window_bytes_ = frame_bytes;
  }
  // Its destination is paused.
  void wait_for_resume() { waits_for_resume_ = true; }

  // A pause has ended.
  void pause_ended() { resumed_ = true; }
  // True once for what is over. `submits`: the shard takes messages now.
  bool opens(bool submits, const SendWindow& window) {
    const bool resumed = std::exchange(resumed_, false) && std::exchange(waits_for_resume_, false);
    const bool has_place = waits_ && submits && (window_bytes_ == 0 || window.has_room(window_bytes_));
    if (has_place) waits_ = false;
    return resumed || has_place;
  }

 private:
  bool waits_ = false;
  size_t window_bytes_ = 0;  // What the smallest needs of the window; 0: one waits for something else.
  bool waits_for_resume_ = false;
  bool resumed_ = false;
};

}  // namespace onehop::local
