// FileWatch: see the header.
#include "daemon/file_watch.h"

#include <sys/stat.h>

#include <utility>

namespace onehop::daemon {

FileStamp stamp_of(const std::string& path) {
  FileStamp stamp{.path = path};
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return stamp;
  stamp.there = true;
  stamp.device = about.st_dev;
  stamp.inode = about.st_ino;
  stamp.bytes = static_cast<uint64_t>(about.st_size);
  stamp.changed_ns = int64_t{about.st_ctim.tv_sec} * 1'000'000'000 + about.st_ctim.tv_nsec;
  return stamp;
}

void FileWatch::watch(std::vector<FileStamp> files) {
  known_ = std::move(files);
  pending_.clear();
}

void FileWatch::renew() {
  watch(now());
}

bool FileWatch::changed() {
  std::vector<FileStamp> files = now();
  if (files == known_) {
    pending_.clear();
    return false;
  }
  if (files != pending_) {
    pending_ = std::move(files);
    return false;
  }
  watch(std::move(files));
  return true;
}

std::vector<FileStamp> FileWatch::now() const {
  std::vector<FileStamp> files;
  for (const FileStamp& file : known_) files.push_back(stamp_of(file.path));
  return files;
}

}  // namespace onehop::daemon
