// The systems that are compared, and one of them running: a child process pinned to a core of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "figures_codec.h"

namespace onehop::bench {

struct System {
  std::string name;
  // It listens on a free port of 127.0.0.1 and prints a first line that ends with that port.
  std::vector<std::string> command;
  std::shared_ptr<const Codec> codec;
};

System blind_system(const std::string& program);
System onehop_system(const std::string& name, const std::string& program, unsigned shards);

// A started system. It is killed when this dies.
class RunningSystem {
 public:
  explicit RunningSystem(const System& system);
  RunningSystem(const RunningSystem&) = delete;
  RunningSystem& operator=(const RunningSystem&) = delete;
  ~RunningSystem();

  // Blocking connections that have been greeted, one for each name, in this order.
  std::vector<int> connect(const std::vector<std::string>& names, uint32_t keepalive_ms) const;

  // User and system time of all its threads.
  double cpu_seconds() const;
  // Memory that is its own: what its connections cost in the process, without the kernel's share.
  double private_dirty_bytes() const;

 private:
  int connect_one() const;
  void await_greeting(int fd) const;

  std::shared_ptr<const Codec> codec_;
  pid_t pid_ = 0;
  uint16_t port_ = 0;
  clockid_t clock_{};
};

}  // namespace onehop::bench
