// Files read whole, and what is refused without waiting for it.
#include "reactor/file_text.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "connections.h"

namespace onehop::reactor {
namespace {

TEST(FileText, IsAllOfIt) {
  const TemporaryFolder folder;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4'095}, size_t{4'096}, size_t{4'097}, size_t{100'000}}) {
    const std::string text(size, 'x');
    std::ofstream(folder.file("text")) << text;
    ::chmod(folder.file("text").c_str(), 0640);
    const FileText read = read_file(folder.file("text"), size);
    ASSERT_TRUE(read.text) << read.error;
    EXPECT_TRUE(*read.text == text);
    EXPECT_EQ(0640u, read.mode & 0777u);
  }
}

TEST(FileText, HasABound) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("text")) << std::string(100'001, 'x');
  const FileText read = read_file(folder.file("text"), 100'000);
  EXPECT_FALSE(read.text);
  EXPECT_EQ("longer than 100000 bytes", read.error);
}

TEST(FileText, FilesOfTheKernelDoNotKnowTheirSize) {
  const FileText read = read_file("/proc/self/status", 1 << 20);
  ASSERT_TRUE(read.text) << read.error;
  EXPECT_FALSE(read.text->empty());
}

TEST(FileText, AMissingFileIsToldApart) {
  const TemporaryFolder folder;
  const FileText missing = read_file(folder.file("none"), 100);
  EXPECT_FALSE(missing.text);
  EXPECT_TRUE(missing.missing);
  EXPECT_EQ(error_text(ENOENT), missing.error);
}

// A named pipe without a writer would keep its reader waiting, and a device may never end.
TEST(FileText, OnlyRegularFilesAreRead) {
  const TemporaryFolder folder;
  ASSERT_EQ(0, ::mkfifo(folder.file("pipe").c_str(), 0600));
  for (const std::string& path :
       {folder.file("pipe"), folder.file(""), std::string("/dev/zero"), std::string("/dev/null")}) {
    const FileText read = read_file(path, 100);
    EXPECT_FALSE(read.text) << path;
    EXPECT_FALSE(read.missing) << path;
    EXPECT_EQ("not a regular file", read.error) << path;
  }
}

}  // namespace
}  // namespace onehop::reactor
