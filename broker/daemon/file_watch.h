// Whether the files that a configuration was read from have changed since, told by what the system knows of a file, so
// that nothing is read. A file that another program writes in place is never reloaded half written, unless the writer
// pauses for as long as there is between two looks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace onehop::daemon {

// One version of a file. Links are followed, so a link that points elsewhere is another version.
struct FileStamp {
  std::string path;
  bool there = false;
  uint64_t device = 0, inode = 0, bytes = 0;
  int64_t changed_ns = 0;  // By content, mode or owner.

  bool operator==(const FileStamp&) const = default;
};

FileStamp stamp_of(const std::string& path);

class FileWatch {
 public:
  // Watches these files from now on. They were stamped before they were read.
  void watch(std::vector<FileStamp> files);
  // The same files as before, as they are now: they are about to be read again.
  void renew();
  // Looks at the files. True: they differ from what was read, and have not changed since the last look. Each change is
  // reported once.
  bool changed();

 private:
  std::vector<FileStamp> now() const;

  std::vector<FileStamp> known_;
  std::vector<FileStamp> pending_;  // What the last look saw, if it differs from known_; else empty.
};

}  // namespace onehop::daemon
