// A small file read whole: settings, tokens, saved sessions. Whatever the path leads to, reading it neither blocks nor
// takes more memory than was allowed.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>

namespace onehop::reactor {

struct FileText {
  std::optional<std::string> text;
  std::string error;     // If there is no text: why, without the path.
  bool missing = false;  // If there is no text: because there is no such file.
  mode_t mode = 0;       // If there is a text: who may do what with the file.
};

// Any thread. Only a regular file is read, of at most `bytes_max` bytes; links are followed.
FileText read_file(const std::string& path, size_t bytes_max);

}  // namespace onehop::reactor
