// See the header. Linux tells most of this in /proc.
#include "loadgen/run/host.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <thread>

#include "loadgen/measure/quantity.h"
#include "reactor/descriptor_limit.h"

namespace onehop::loadgen {
namespace {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

}  // namespace

Host this_host() {
  Host host;
  utsname names{};
  if (uname(&names) == 0) {
    host.name = names.nodename;
    host.kernel = std::string(names.sysname) + " " + names.release + " " + names.machine;
  }
  host.cpu = cpu_model();
  host.cores = std::max(std::thread::hardware_concurrency(), 1U);
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page_bytes > 0) host.memory_bytes = static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes);
  return host;
}

std::optional<double> cpu_of_process_s(int32_t pid) {
  clockid_t clock{};
  timespec at{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &at) != 0) return std::nullopt;
  return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) * 1e-9;
}

uint64_t private_dirty_bytes(int32_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  uint64_t kib = 0;
  for (std::string key; file >> key;) {
    if (key == "Private_Dirty:" && file >> kib) return kib << 10;
  }
  return 0;
}

uint64_t local_ports() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  uint64_t first = 0, last = 0;
  return file >> first >> last && last >= first ? last - first + 1 : 0;
}

std::vector<std::string> preflight(const Settings& settings, bool is_loopback) {
  std::vector<std::string> problems;
  const uint64_t come_and_go = settings.workload == Workload::kConnects ? settings.window : 0;
  const uint64_t connections = come_and_go + settings.clients + settings.idle;
  const uint64_t limit = reactor::raise_descriptor_limit();
  const uint64_t needed = connections + kDescriptorsElse + settings.threads * 8;
  if (needed > limit) {
    problems.push_back(print_count(connections) + " clients need " + print_count(needed) +
                       " open files, the limit is " + print_count(limit) + ": raise it (ulimit -n " +
                       std::to_string(needed) + "), or spread the clients over several processes (--part, merge)");
  }
  if (settings.system_pid != 0 && !cpu_of_process_s(settings.system_pid)) {
    problems.push_back("--system-pid: there is no process " + std::to_string(settings.system_pid) + " on this machine");
  }
  const uint64_t ports = local_ports() * std::max<size_t>(settings.sources.size(), 1);
  const bool over_tcp = settings.target.find("+unix:") == std::string::npos;
  if (over_tcp && ports != 0 && connections > ports) {
    const std::string example = is_loopback
                                    ? "--source 127.0.0.1-127.0.0." + std::to_string(connections / local_ports() + 1)
                                    : "--source with several addresses of this machine";
    problems.push_back(
        print_count(connections) + " clients from " +
        (settings.sources.size() > 1 ? std::to_string(settings.sources.size()) + " addresses" : "one address") +
        " need as many local ports, there are " + print_count(ports) + ": " + example +
        ", or a wider net.ipv4.ip_local_port_range");
  }
  return problems;
}

}  // namespace onehop::loadgen
