// How much of the machine this process may use: what it has, less what its control group allows, and the groups around
// that. Containers set these limits; a process that does not know of them is killed for want of memory, or stalled for
// want of time.
//
// Parsing is pure. Reading takes the folders it reads from, so that tests need no control group of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace onehop::server {

struct CgroupLimits {
  std::optional<uint64_t> memory_bytes;
  std::optional<double> cpus;  // How many at a time, on average.

  friend bool operator==(const CgroupLimits&, const CgroupLimits&) = default;
};

// Of a file like memory.max or memory.limit_in_bytes. Nothing if there is no limit.
std::optional<uint64_t> parse_memory_limit(std::string_view text);
// Of cpu.max: `QUOTA PERIOD`. Nothing if there is no limit.
std::optional<double> parse_cpu_max(std::string_view text);

// The strictest limits of a process's group and of every group around it. `groups` is the text of its
// /proc/PID/cgroup; `root` is where control groups are mounted. What cannot be read is no limit.
CgroupLimits read_cgroup_limits(const std::string& groups, const std::string& root);

// Of this process.
CgroupLimits own_cgroup_limits();
uint64_t usable_memory_bytes();
// At least 1.
unsigned usable_cores();

}  // namespace onehop::server
