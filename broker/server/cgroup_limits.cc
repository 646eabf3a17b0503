// Limits of control groups: see the header.
#include "server/cgroup_limits.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>
#include <thread>

#include "reactor/file_text.h"

namespace onehop::server {
namespace {

// Version 1 says "no limit" with a number near the largest there is.
constexpr uint64_t kNoMemoryLimit = uint64_t{1} << 60;

constexpr size_t kFileBytesMax = 1 << 20;

std::string read_file(const std::string& path) {
  return reactor::read_file(path, kFileBytesMax).text.value_or("");
}

template <typename Number>
std::optional<Number> parse_number(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

template <typename Limit>
void tighten(std::optional<Limit>& limit, std::optional<Limit> other) {
  if (other && (!limit || *other < *limit)) limit = other;
}

// Version 1 has quota and period in files of their own; a quota of -1 is none.
std::optional<double> cpus_of_version_1(const std::string& folder) {
  const std::string quota = read_file(folder + "/cpu.cfs_quota_us");
  const std::string period = read_file(folder + "/cpu.cfs_period_us");
  return parse_cpu_max(quota.substr(0, quota.find('\n')) + " " + period);
}

// Calls `look` with the folder of a group, and of each around it up to that of the mount.
template <typename Look>
void walk_up(const std::string& mount, std::string path, Look look) {
  while (!path.empty() && path != "/") {
    look(mount + path);
    path.erase(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
  look(mount);
}

void tighten_cpus_of_version_1(CgroupLimits& limits, const std::string& root, const std::string& mounted,
                               const std::string& path) {
  walk_up(root + "/" + mounted, path,
          [&limits](const std::string& folder) { tighten(limits.cpus, cpus_of_version_1(folder)); });
}

bool names(std::string_view controllers, std::string_view name) {
  for (size_t begin = 0; begin <= controllers.size();) {
    const size_t end = std::min(controllers.find(',', begin), controllers.size());
    if (controllers.substr(begin, end - begin) == name) return true;
    begin = end + 1;
  }
  return false;
}

}  // namespace

std::optional<uint64_t> parse_memory_limit(std::string_view text) {
  const auto limit = parse_number<uint64_t>(text);
  return limit && *limit < kNoMemoryLimit ? limit : std::nullopt;
}

std::optional<double> parse_cpu_max(std::string_view text) {
  const auto quota = parse_number<int64_t>(text);
  const auto period = parse_number<int64_t>(text);
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

// A line is NUMBER:CONTROLLERS:PATH. In version 2 the number is 0 and there are no controllers.
CgroupLimits read_cgroup_limits(const std::string& groups, const std::string& root) {
  CgroupLimits limits;
  std::istringstream lines(groups);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      walk_up(root, path, [&limits](const std::string& folder) {
        tighten(limits.memory_bytes, parse_memory_limit(read_file(folder + "/memory.max")));
        tighten(limits.cpus, parse_cpu_max(read_file(folder + "/cpu.max")));
      });
    } else if (names(controllers, "memory")) {
      walk_up(root + "/memory", path, [&limits](const std::string& folder) {
        tighten(limits.memory_bytes, parse_memory_limit(read_file(folder + "/memory.limit_in_bytes")));
      });
    } else if (names(controllers, "cpu")) {
      // Some systems list them in another order than they are mounted by, and have a link called cpu.
      tighten_cpus_of_version_1(limits, root, controllers, path);
      tighten_cpus_of_version_1(limits, root, "cpu", path);
    }
  }
  return limits;
}

CgroupLimits own_cgroup_limits() {
  return read_cgroup_limits(read_file("/proc/self/cgroup"), "/sys/fs/cgroup");
}

uint64_t usable_memory_bytes() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  uint64_t bytes = uint64_t{1} << 30;  // Should the system not know.
  if (pages > 0 && page_bytes > 0) bytes = static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes);
  return std::min(bytes, own_cgroup_limits().memory_bytes.value_or(bytes));
}

unsigned usable_cores() {
  cpu_set_t allowed;
  unsigned cores = std::thread::hardware_concurrency();
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) cores = static_cast<unsigned>(CPU_COUNT(&allowed));
  const std::optional<double> cpus = own_cgroup_limits().cpus;
  if (cpus) cores = std::min(cores, static_cast<unsigned>(std::ceil(*cpus)));
  return std::max(1u, cores);
}

}  // namespace onehop::server
