// A change is told once, when it has lasted from one look to the next.
#include "daemon/file_watch.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace onehop::daemon {
namespace {

namespace fs = std::filesystem;

class FileWatchTest : public testing::Test {
 protected:
  FileWatchTest() {
    fs::create_directories(folder_);
    write("file", "one");
    watch_.watch({stamp_of(path("file"))});
  }
  ~FileWatchTest() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }

  const fs::path folder_ = fs::path(testing::TempDir()) / ("onehop-watch-" + std::to_string(::getpid()));
  FileWatch watch_;
};

TEST_F(FileWatchTest, NothingIsToldOfWhatStaysTheSame) {
  for (int look = 0; look < 3; ++look) EXPECT_FALSE(watch_.changed());
}

TEST_F(FileWatchTest, AChangeIsToldOnceAfterItHasLasted) {
  write("file", "another");
  EXPECT_FALSE(watch_.changed());
  EXPECT_TRUE(watch_.changed());
  EXPECT_FALSE(watch_.changed());
  EXPECT_FALSE(watch_.changed());
}

TEST_F(FileWatchTest, AFileThatIsStillBeingWrittenIsLeftAlone) {
  write("file", "the first");
  EXPECT_FALSE(watch_.changed());
  write("file", "the first and the second");
  EXPECT_FALSE(watch_.changed());
  EXPECT_TRUE(watch_.changed());
}

// The links that kubelet makes: the file's name leads through a link to a folder, and only that link changes.
TEST_F(FileWatchTest, AFolderBehindALinkIsReplaced) {
  for (const char* version : {"v1", "v2"}) {
    fs::create_directory(path(version));
    write(std::string(version) + "/file", "same size");
  }
  fs::create_directory_symlink("v1", path("data"));
  fs::create_symlink("data/file", path("link"));
  watch_.watch({stamp_of(path("link"))});
  EXPECT_FALSE(watch_.changed());
  fs::create_directory_symlink("v2", path("data.new"));
  fs::rename(path("data.new"), path("data"));
  EXPECT_FALSE(watch_.changed());
  EXPECT_TRUE(watch_.changed());
}

TEST_F(FileWatchTest, ItsModeCountsAndItsAbsence) {
  ASSERT_EQ(0, ::chmod(path("file").c_str(), 0600));
  EXPECT_FALSE(watch_.changed());
  EXPECT_TRUE(watch_.changed());
  fs::remove(path("file"));
  EXPECT_FALSE(watch_.changed());
  EXPECT_TRUE(watch_.changed());
  EXPECT_FALSE(watch_.changed());
}

TEST_F(FileWatchTest, WhatIsReadBecauseOfASignalIsNotToldAgain) {
  write("file", "another");
  EXPECT_FALSE(watch_.changed());
  watch_.renew();
  EXPECT_FALSE(watch_.changed());
  EXPECT_FALSE(watch_.changed());
}

}  // namespace
}  // namespace onehop::daemon
