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
  // From now on these, which were stamped before they were read.
  void watch(std::vector<FileStamp> files);
  // The same files as before, as they are now: they are about to be read again.
  void renew();
  // Looks at them. True: they are others than were read, and were the same others at the last look. Each change is told
  // once.
  bool changed();

 private:
  std::vector<FileStamp> now() const;

  std::vector<FileStamp> known_;
  std::vector<FileStamp> pending_;  // What was seen at the last look and is not known; or nothing.
};

}  // namespace onehop::daemon
