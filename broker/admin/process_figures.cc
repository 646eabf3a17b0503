// ProcessReader: see the header. Linux says most of it in /proc/self.
#include "admin/process_figures.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace onehop::admin {
namespace {

constexpr uint64_t kReadingsForOneCount = 10;

std::optional<uint64_t> resident_bytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t all = 0, resident = 0;
  if (!(file >> all >> resident)) return std::nullopt;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::optional<uint64_t> boot_unix_seconds() {
  std::ifstream file("/proc/stat");
  std::string word;
  uint64_t seconds = 0;
  while (file >> word) {
    if (word == "btime" && file >> seconds) return seconds;
  }
  return std::nullopt;
}

std::optional<double> start_unix_seconds() {
  std::ifstream file("/proc/self/stat");
  std::stringstream all;
  all << file.rdbuf();
  std::string text = all.str();
  // The second field is the program's name in parentheses, which may hold anything; the 22nd is the start.
  const size_t name_end = text.rfind(')');
  const std::optional<uint64_t> boot = boot_unix_seconds();
  if (name_end == text.npos || !boot) return std::nullopt;
  std::istringstream rest(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) rest >> skipped;
  uint64_t ticks = 0;
  if (!(rest >> ticks)) return std::nullopt;
  return static_cast<double>(*boot) + static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::optional<uint64_t> count_descriptors() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return std::nullopt;
  uint64_t count = 0;
  while (const dirent* entry = ::readdir(folder)) count += entry->d_name[0] != '.';
  ::closedir(folder);
  return count - 1;  // Without the one that reads.
}

}  // namespace

ProcessReader::ProcessReader() : start_unix_seconds_(start_unix_seconds()) {}

ProcessFigures ProcessReader::read() {
  ProcessFigures figures;
  figures.start_unix_seconds = start_unix_seconds_;
  figures.resident_bytes = resident_bytes();
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    figures.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.descriptors_max = limit.rlim_cur;
  // Newer kernels keep the count as the folder's size.
  struct stat folder {};
  if (::stat("/proc/self/fd", &folder) == 0 && folder.st_size > 0) {
    figures.open_descriptors = static_cast<uint64_t>(folder.st_size);
    return figures;
  }
  if (readings_until_count_-- == 0) {
    readings_until_count_ = kReadingsForOneCount - 1;
    counted_ = count_descriptors();
  }
  figures.open_descriptors = counted_;
  return figures;
}

}  // namespace onehop::admin
