// onehopd's command line: what it prints, and the exit code.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <string>
#include <vector>

#include "server_test/child_process.h"
#include "server_test/log_line.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

struct Ended {
  int exit_code;
  std::vector<std::string> output, errors;
};

Ended run(const std::vector<std::string>& flags, const std::vector<std::string>& environment = {}) {
  std::vector<std::string> command{onehopd_path()};
  command.insert(command.end(), flags.begin(), flags.end());
  ChildProcess process({command, environment});
  const int exit_code = process.wait();
  return {exit_code, process.output(), process.errors()};
}

// One line on standard error, which names what is wrong; nothing on standard output.
void expect_refusal(const Ended& ended, int exit_code, const std::string& names) {
  EXPECT_EQ(exit_code, ended.exit_code);
  EXPECT_TRUE(ended.output.empty());
  ASSERT_EQ(1u, ended.errors.size());
  EXPECT_TRUE(ended.errors[0].starts_with("onehopd: ")) << ended.errors[0];
  EXPECT_NE(std::string::npos, ended.errors[0].find(names)) << ended.errors[0];
}

TEST(CommandLine, HelpNamesEveryFlagAndItsEnvironment) {
  for (const std::string flag : {"--help", "-h"}) {
    const Ended ended = run({flag});
    EXPECT_EQ(0, ended.exit_code);
    EXPECT_TRUE(ended.errors.empty());
    std::string text;
    for (const std::string& line : ended.output) text += line + "\n";
    for (const std::string name : {"listen", "allow-plaintext", "queue-bytes-max", "admin", "log-format", "config"}) {
      EXPECT_NE(std::string::npos, text.find("--" + name)) << name;
      std::string environment = "ONEHOP_" + name;
      for (char& c : environment) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
      EXPECT_NE(std::string::npos, text.find(environment)) << environment;
    }
  }
}

TEST(CommandLine, VersionIsOneLine) {
  const Ended ended = run({"--version"});
  EXPECT_EQ(0, ended.exit_code);
  EXPECT_TRUE(ended.errors.empty());
  ASSERT_EQ(1u, ended.output.size());
  EXPECT_TRUE(ended.output[0].starts_with("onehopd 0.")) << ended.output[0];
}

TEST(CommandLine, WhatItCannotReadIsAUsageError) {
  expect_refusal(run({"--no-such-flag"}), 2, "--no-such-flag");
  expect_refusal(run({"stray"}), 2, "stray");
  expect_refusal(run({"--shards"}), 2, "--shards");
  expect_refusal(run({"--shards", "many"}), 2, "--shards");
  expect_refusal(run({"--shards", "-1"}), 2, "--shards");
  expect_refusal(run({"--frame-bytes-max", "99999999999999999999"}), 2, "--frame-bytes-max");
  expect_refusal(run({"--log-level", "loud"}), 2, "--log-level");
  expect_refusal(run({"--log-format", "xml"}), 2, "--log-format");
  expect_refusal(run({}, {"ONEHOP_SHARDS=many"}), 2, "ONEHOP_SHARDS");
}

TEST(CommandLine, WhatItCannotServeIsAFailure) {
  expect_refusal(run({"--listen", "unix:///no/such/folder/socket"}), 1, "unix:///no/such/folder/socket");
  Onehopd holder({"--admin", "tcp://127.0.0.1:0"});
  const std::string admin = holder.admin_address();
  expect_refusal(run({"--listen", "tcp://127.0.0.1:0", "--admin", admin}), 1, admin);
}

// Known without listening, so --check-config says the same.
TEST(CommandLine, WhatCannotBeConfiguredIsAUsageError) {
  for (const bool check : {false, true}) {
    const auto refused = [check](std::vector<std::string> flags, const std::string& names) {
      if (check) flags.push_back("--check-config");
      expect_refusal(run(flags), 2, names);
    };
    refused({"--listen", "127.0.0.1:7411"}, "'127.0.0.1:7411'");
    refused({"--listen", "tcp://127.0.0.1"}, "'tcp://127.0.0.1'");
    refused({"--listen", "tcp://127.0.0.1:99999"}, "'tcp://127.0.0.1:99999'");
    refused({"--listen", "unix://"}, "'unix://'");
    refused({"--listen", "tcp://0.0.0.0:0"}, "tcp://0.0.0.0:0: not a loopback address");
    refused({"--listen", "tls://127.0.0.1:0"}, "tls://127.0.0.1:0: TLS needs a certificate: see tls_certificate_file");
    refused({"--tls-certificate-file", "x"}, "tls_key_file: must name as many files as tls_certificate_file");
    refused({"--tls-certificate-file", "/no/such", "--tls-key-file", "/no/such"},
            "--tls-certificate-file: /no/such: No such file or directory");
    refused({"--tls-client", "required"}, "--tls-client: needs tls_client_ca_file");
    refused({"--tls-client", "perhaps"}, "--tls-client: must be one of none, optional, required");
    refused({"--shards", "65"}, "--shards: ");
    refused({"--frame-bytes-max", "1"}, "--frame-bytes-max: ");
    refused({"--config", "/no/such/file"}, "/no/such/file: cannot be read");
  }
  const Ended ended = run({"--check-config"});
  EXPECT_EQ(0, ended.exit_code);
  EXPECT_EQ(std::vector<std::string>{"configuration: ok"}, ended.output);
}

TEST(CommandLine, EverythingThatIsWrongIsToldAtOnce) {
  const std::vector<std::string> environment{"ONEHOP_CHECKS_THREADS=0", "ONEHOP_LOG_LEVEL=loud"};
  const Ended ended = run({"--check-config", "--shards", "many", "--colour", "--tls-key-file", "x", "stray", "--listen",
                           "nonsense", "--queue-bytes-max", "65536"},
                          environment);
  EXPECT_EQ(2, ended.exit_code);
  EXPECT_TRUE(ended.output.empty());
  EXPECT_EQ(8u, ended.errors.size());
  for (const std::string name : {"ONEHOP_CHECKS_THREADS", "ONEHOP_LOG_LEVEL", "--shards", "--colour", "--tls-key-file",
                                 "stray", "--listen", "--queue-bytes-max"}) {
    const std::string start = "onehopd: " + name + ": ";
    EXPECT_EQ(1, std::count_if(ended.errors.begin(), ended.errors.end(),
                               [&start](const std::string& line) { return line.starts_with(start); }))
        << name;
  }
}

TEST(CommandLine, APortThatIsTakenIsNamed) {
  const Onehopd holder({"--shards", "2"});
  for (const std::string shards : {"1", "2"}) {
    expect_refusal(run({"--listen", holder.address(), "--shards", shards, "--admin", "none"}), 1, holder.address());
  }
}

TEST(CommandLine, PrintsTheAddressesReallyBound) {
  const Onehopd one({"--listen", "tcp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0"});
  ASSERT_EQ(2u, one.addresses().size());
  EXPECT_NE(one.addresses()[0], one.addresses()[1]);
  for (const std::string& address : one.addresses()) {
    EXPECT_TRUE(address.starts_with("tcp://127.0.0.1:")) << address;
    EXPECT_FALSE(address.ends_with(":0"));
    EXPECT_EQ(address, RawClient(address).connect(address).name());  // A name of its own for each.
  }
}

// What "started" says of the number of shards.
std::string shards_started(ChildProcess& process) {
  std::string shards;
  process.wait_for_errors([&shards](const ChildProcess::Lines& lines) {
    for (const std::string& line : lines) {
      const auto parsed = parse_log_line(line);
      if (parsed && value_of(*parsed, "event") == "started") shards = value_of(*parsed, "shards");
    }
    return !shards.empty();
  });
  return shards;
}

TEST(CommandLine, TheEnvironmentStandsInForFlagsAndFlagsWin) {
  const std::vector<std::string> environment{"ONEHOP_LISTEN=tcp://127.0.0.1:0,tcp://127.0.0.2:0", "ONEHOP_SHARDS=3",
                                             "ONEHOP_ADMIN=none"};
  {
    ChildProcess process({{onehopd_path()}, environment});
    const auto lines = process.wait_for_output([](const ChildProcess::Lines& l) { return l.size() >= 2; });
    ASSERT_EQ(2u, lines.size());
    EXPECT_TRUE(lines[0].starts_with("listening on tcp://127.0.0.1:")) << lines[0];
    EXPECT_TRUE(lines[1].starts_with("listening on tcp://127.0.0.2:")) << lines[1];
    EXPECT_EQ("3", shards_started(process));
  }
  ChildProcess process({{onehopd_path(), "--shards", "2", "--listen", "tcp://127.0.0.3:0"}, environment});
  EXPECT_EQ("2", shards_started(process));
  const auto lines = process.wait_for_output([](const ChildProcess::Lines& l) { return !l.empty(); });
  ASSERT_EQ(1u, lines.size());
  EXPECT_TRUE(lines[0].starts_with("listening on tcp://127.0.0.3:")) << lines[0];
}

}  // namespace
}  // namespace onehop::test
