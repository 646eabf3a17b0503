// What systemd is told (sd_notify): readiness, reloads, the end, and that the broker is alive. Without
// NOTIFY_SOCKET in the environment, nothing.
#pragma once

#include <chrono>
#include <string>

namespace onehop::daemon {

class Notify {
 public:
  Notify();

  // How often alive() is wanted; 0: never.
  std::chrono::microseconds interval() const { return interval_; }

  void ready(const std::string& status);
  void reloading();
  void stopping();
  void alive();

 private:
  std::chrono::microseconds interval_{0};
};

}  // namespace onehop::daemon
