// Limits of control groups: the files as they are written, and folders of both versions.
#include "server/cgroup_limits.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace onehop::server {
namespace {

TEST(CgroupLimits, AMemoryLimitIsANumberOrNone) {
  EXPECT_EQ(parse_memory_limit("268435456\n"), 268435456u);
  EXPECT_EQ(parse_memory_limit("max\n"), std::nullopt);
  EXPECT_EQ(parse_memory_limit("9223372036854771712\n"), std::nullopt) << "version 1's way to say that there is none";
  EXPECT_EQ(parse_memory_limit(""), std::nullopt);
  EXPECT_EQ(parse_memory_limit("-1\n"), std::nullopt);
}

TEST(CgroupLimits, AQuotaIsSoMuchOfAPeriod) {
  EXPECT_EQ(parse_cpu_max("150000 100000\n"), 1.5);
  EXPECT_EQ(parse_cpu_max("50000 100000"), 0.5);
  EXPECT_EQ(parse_cpu_max("max 100000\n"), std::nullopt);
  EXPECT_EQ(parse_cpu_max("-1 100000\n"), std::nullopt);
  EXPECT_EQ(parse_cpu_max("100000"), std::nullopt);
  EXPECT_EQ(parse_cpu_max("100000 0"), std::nullopt);
  EXPECT_EQ(parse_cpu_max(""), std::nullopt);
}

class CgroupFolders : public testing::Test {
 protected:
  CgroupFolders() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::temp_directory_path() /
            ("onehop-cgroup-" + std::to_string(getpid()) + "-" + std::string(test->name()));
    std::filesystem::remove_all(root_);
  }
  ~CgroupFolders() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  CgroupLimits read(const std::string& groups) { return read_cgroup_limits(groups, root_.string()); }

 private:
  std::filesystem::path root_;
};

TEST_F(CgroupFolders, NothingToReadIsNoLimit) {
  EXPECT_EQ(read("0::/nowhere\n"), CgroupLimits());
  EXPECT_EQ(read(""), CgroupLimits());
  EXPECT_EQ(read("rubbish\n\n:\n"), CgroupLimits());
}

TEST_F(CgroupFolders, InAContainerTheGroupIsAtTheRoot) {
  write("memory.max", "1000000\n");
  write("cpu.max", "200000 100000\n");
  EXPECT_EQ(read("0::/\n"), (CgroupLimits{1000000, 2.0}));
}

TEST_F(CgroupFolders, TheStrictestOfAllGroupsAroundHolds) {
  write("system.slice/memory.max", "5000\n");
  write("system.slice/cpu.max", "max 100000\n");
  write("system.slice/onehopd.service/memory.max", "9000\n");
  write("system.slice/onehopd.service/cpu.max", "300000 100000\n");
  EXPECT_EQ(read("0::/system.slice/onehopd.service\n"), (CgroupLimits{5000, 3.0}));
  write("system.slice/cpu.max", "10000 100000\n");
  EXPECT_EQ(read("0::/system.slice/onehopd.service\n"), (CgroupLimits{5000, 0.1}));
  EXPECT_EQ(read("0::/system.slice/other/deeper\n"), (CgroupLimits{5000, 0.1})) << "as far as it can be read";
}

TEST_F(CgroupFolders, VersionOneHasAFolderForEachController) {
  write("memory/docker/one/memory.limit_in_bytes", "123456789\n");
  write("cpu,cpuacct/docker/one/cpu.cfs_quota_us", "250000\n");
  write("cpu,cpuacct/docker/one/cpu.cfs_period_us", "100000\n");
  write("cpu,cpuacct/docker/cpu.cfs_quota_us", "-1\n");
  write("cpu,cpuacct/docker/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(read("12:memory:/docker/one\n5:cpu,cpuacct:/docker/one\n3:cpuset:/\n0::/\n"),
            (CgroupLimits{123456789, 2.5}));
  write("cpu/docker/two/cpu.cfs_quota_us", "150000\n");
  write("cpu/docker/two/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(read("5:cpuacct,cpu:/docker/two\n").cpus, 1.5) << "mounted under another name, with a link";
}

TEST(CgroupLimits, ThisProcessHasSomeOfEach) {
  EXPECT_GE(usable_cores(), 1u);
  EXPECT_GE(usable_memory_bytes(), uint64_t{16} << 20);
}

}  // namespace
}  // namespace onehop::server
