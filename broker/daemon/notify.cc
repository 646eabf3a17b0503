// Notify: see the header.
#include "daemon/notify.h"

#include <systemd/sd-daemon.h>
#include <time.h>

namespace onehop::daemon {
namespace {

uint64_t monotonic_us() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1'000;
}

}  // namespace

// Half of the time after which the broker would be taken for dead.
Notify::Notify() {
  uint64_t watchdog_us = 0;
  if (sd_watchdog_enabled(0, &watchdog_us) > 0) interval_ = std::chrono::microseconds(watchdog_us / 2);
}

void Notify::ready(const std::string& status) {
  sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

void Notify::reloading() {
  sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_us())).c_str());
}

void Notify::stopping() {
  sd_notify(0, "STOPPING=1\nSTATUS=draining");
}

void Notify::alive() {
  sd_notify(0, "WATCHDOG=1");
}

}  // namespace onehop::daemon
