// read_file: see the header.
#include "reactor/file_text.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "reactor/fd.h"

namespace onehop::reactor {
namespace {

FileText failed(int error) {
  return {.text = {}, .error = error_text(error), .missing = error == ENOENT};
}

}  // namespace

FileText read_file(const std::string& path, size_t bytes_max) {
  // To open a named pipe without O_NONBLOCK is to wait for a writer.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return failed(errno);
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0) return failed(errno);
  if (!S_ISREG(about.st_mode)) return {.text = {}, .error = "not a regular file"};
  // Its size may be wrong by the time it is read, and some file systems do not know it.
  std::string text;
  for (;;) {
    const size_t read = text.size();
    text.resize(read + 4'096);
    const ssize_t size = ::read(fd.get(), text.data() + read, text.size() - read);
    if (size < 0 && errno != EINTR) return failed(errno);
    text.resize(read + static_cast<size_t>(size < 0 ? 0 : size));
    if (text.size() > bytes_max) {
      return {.text = {}, .error = "longer than " + std::to_string(bytes_max) + " bytes"};
    }
    if (size == 0) return {.text = std::move(text), .error = {}, .mode = about.st_mode};
  }
}

}  // namespace onehop::reactor
