// Where a value comes from, and which one wins.
#include "daemon/configuration.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tls_test/authority.h"

namespace onehop::daemon {
namespace {

using Problems = std::vector<std::string>;

class ConfigurationTest : public testing::Test {
 protected:
  ConfigurationTest() {
    for (const std::string& path : {token_path_, viewer_token_path_}) {
      std::ofstream(path) << "a-token-of-many-bytes" << path.size() << "\n";
      std::filesystem::permissions(path, std::filesystem::perms::owner_read);
    }
  }
  ~ConfigurationTest() override {
    std::filesystem::remove(path_);
    std::filesystem::remove(token_path_);
    std::filesystem::remove(viewer_token_path_);
  }

  void write(const std::string& text) {
    std::ofstream(path_) << text;
    given_.config_file = path_;
  }
  void flag(std::string_view name, const std::string& text) { given_.flags[find_setting(name)] = {text}; }
  void environment(std::string_view name, const std::string& text) { given_.environment[find_setting(name)] = {text}; }

  Configuration loaded() {
    Problems problems;
    const auto configuration = load(given_, problems);
    EXPECT_EQ(Problems(), problems);
    return configuration.value_or(Configuration());
  }
  Problems problems() {
    Problems problems;
    EXPECT_FALSE(load(given_, problems));
    return problems;
  }

  const std::string path_ = testing::TempDir() + "onehop-configuration-" + std::to_string(::getpid()) + ".toml";
  const std::string token_path_ = path_ + ".token";
  const std::string viewer_token_path_ = token_path_ + ".viewer";
  Given given_;
};

TEST_F(ConfigurationTest, FlagsWinOverEnvironmentOverFileOverDefaults) {
  const auto shards = [this] { return loaded().options.broker.shards; };
  EXPECT_EQ(0u, shards());
  write("shards = 1\n");
  EXPECT_EQ(1u, shards());
  environment("shards", "2");
  EXPECT_EQ(2u, shards());
  flag("shards", "3");
  EXPECT_EQ(3u, shards());
  const size_t index = find_setting("shards");
  EXPECT_EQ(Source::Kind::kFlag, loaded().sources[index].kind);
  given_.flags.clear();
  EXPECT_EQ(Source::Kind::kEnvironment, loaded().sources[index].kind);
  given_.environment.clear();
  EXPECT_EQ(Source::Kind::kFile, loaded().sources[index].kind);
  EXPECT_EQ(1u, loaded().sources[index].line);
}

// A file that is good for a setting of identity; empty: it is for none.
std::string file_for(std::string_view setting, const tls::Authority& authority) {
  const std::pair<std::string_view, std::string_view> files[] = {
      {"users_file", ""},
      {"token_keys_file",
       R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})"},
      {"permissions_file", "[roles.guest]\n"}};
  for (const auto& [name, text] : files) {
    if (name != setting) continue;
    const std::string path = authority.folder().file(std::string(name));
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0600);
    return path;
  }
  return {};
}

// A value for each setting that is not its default, and wrong in no company.
std::string another_value(const Setting& setting, const std::string& token_file, tls::Authority& authority) {
  if (setting.name == "tls_certificate_file") return authority.issue("server").certificate;
  if (setting.name == "tls_key_file") return authority.folder().file("server.key");
  if (setting.name == "tls_client") return "required";
  if (setting.name == "tls_client_ca_file") return authority.file();
  if (setting.name == "tls_crl_file") return authority.revoke({});
  if (setting.name == "authentication") return "users,token,anonymous";
  if (setting.name == "certificate_principal") return "cn";
  if (setting.name == "anonymous_role") return "guest";
  if (setting.name == "token_issuer" || setting.name == "token_audience") return "a";
  if (const std::string file = file_for(setting.name, authority); !file.empty()) return file;
  if (setting.name == "listen") return "unix:///a,unix:///b";
  if (setting.name == "listen_proxy") return "unix:///c";
  if (setting.name == "proxy_from") return "10.0.0.0/8,unix";
  if (setting.name == "admin") return "none";
  if (setting.name == "admin_token_file") return token_file;
  if (setting.name == "admin_viewer_token_file") return token_file + ".viewer";
  if (setting.name == "log_level") return "warn";
  if (setting.name == "log_format") return "json";
  if (type_of(setting) == "switch") return "true";
  if (setting.name == "memory_bytes_max") return "1000000000";
  if (setting.name == "client_bytes_burst") return "2000000";
  if (setting.name == "queue_bytes_max") return "8388608";
  const uint64_t value = std::get<uint64_t>(get(setting, DaemonOptions()));
  return std::to_string(value == 0 ? std::max<uint64_t>(setting.range.least, 1) : value + 1);
}

// Set from the environment, from flags, and from a file: the same; and --print-config can be fed back.
TEST_F(ConfigurationTest, EverySettingCanBeGivenEverywhere) {
  tls::Authority authority;
  for (const Setting& setting : settings()) environment(setting.name, another_value(setting, token_path_, authority));
  const Configuration from_environment = loaded();
  EXPECT_EQ(settings().size(), changes(DaemonOptions(), from_environment.options).size());

  given_.environment.swap(given_.flags);
  const Configuration from_flags = loaded();
  EXPECT_TRUE(changes(from_environment.options, from_flags.options).empty());

  given_.flags.clear();
  write(as_toml(from_flags));
  const Configuration from_file = loaded();
  EXPECT_TRUE(changes(from_environment.options, from_file.options).empty());
  for (const Source& source : from_file.sources) EXPECT_EQ(Source::Kind::kFile, source.kind);
}

TEST_F(ConfigurationTest, PrintsWhereEachValueCameFrom) {
  write("queue_bytes_max = 8388608\n");
  environment("pin", "yes");
  flag("listen", "unix:///a\"b\\c");
  const std::string text = as_toml(loaded());
  EXPECT_TRUE(text.starts_with("listen = [\"unix:///a\\\"b\\\\c\"]  # flag\n")) << text;
  EXPECT_NE(std::string::npos, text.find("\npin = true  # environment\n"));
  EXPECT_NE(std::string::npos, text.find("\nqueue_bytes_max = 8388608  # file\n"));
  EXPECT_NE(std::string::npos, text.find("\nkeepalive_ms = 30000  # default\n"));
  const std::string json = as_json(loaded());
  EXPECT_TRUE(
      json.starts_with("{\"settings\":[{\"name\":\"listen\",\"value\":[\"unix:///a\\\"b\\\\c\"],"
                       "\"source\":\"flag\",\"reloadable\":false},"))
      << json;
}

TEST_F(ConfigurationTest, WhatDoesNotGoTogetherIsToldWhereItWasGiven) {
  const std::string what = "must be at least 4 x frame_bytes_max";
  flag("queue_bytes_max", "65536");
  EXPECT_EQ(Problems({"--queue-bytes-max: " + what}), problems());
  given_.environment.swap(given_.flags);
  EXPECT_EQ(Problems({"ONEHOP_QUEUE_BYTES_MAX: " + what}), problems());
  given_.environment.clear();
  write("\nqueue_bytes_max = 65536\n");
  EXPECT_EQ(Problems({path_ + ":2: queue_bytes_max: " + what}), problems());
  write("frame_bytes_max = 67108864\n");
  EXPECT_EQ(Problems({"queue_bytes_max: " + what}), problems());
}

TEST_F(ConfigurationTest, AddressesAreCheckedWithoutListening) {
  const std::string why =
      ": not a loopback address, and nothing is encrypted there: use tls://, or set allow_plaintext";
  write("listen = ['tcp://0.0.0.0:1']\n");
  EXPECT_EQ(Problems({path_ + ":1: listen: tcp://0.0.0.0:1" + why}), problems());
  flag("allow_plaintext", "true");
  loaded();
  flag("listen", "nonsense");
  ASSERT_EQ(1u, problems().size());
  EXPECT_TRUE(problems()[0].starts_with("--listen: ")) << problems()[0];
}

TEST_F(ConfigurationTest, TheAdminAddressIsCheckedToo) {
  write("admin = 'nonsense'\n");
  ASSERT_EQ(1u, problems().size());
  EXPECT_TRUE(problems()[0].starts_with(path_ + ":1: admin: ")) << problems()[0];
  for (const char* right : {"none", "tcp://127.0.0.1:0", "unix:///run/onehop/admin.sock"}) {
    write(std::string("admin = '") + right + "'\n");
    loaded();
  }
}

TEST_F(ConfigurationTest, ADrainTellsClientsBeforeItsTimeIsOver) {
  write("stop_deadline_ms = 2000\ndrain_delay_ms = 2000\n");
  EXPECT_EQ(Problems({path_ + ":2: drain_delay_ms: must be below stop_deadline_ms, which is all the time a drain has"}),
            problems());
  write("stop_deadline_ms = 2000\ndrain_delay_ms = 1999\n");
  loaded();
  write("stop_deadline_ms = 0\n");
  loaded();
}

TEST_F(ConfigurationTest, EveryProblemIsTold) {
  write("shards = 65\ncolour = 1\n");
  environment("pin", "perhaps");
  flag("log_level", "loud");
  EXPECT_EQ(4u, problems().size());
}

TEST_F(ConfigurationTest, EveryProblemOfEveryKindIsToldAtOnce) {
  write(
      "queue_bytes_max = 65536\nlisten = ['nonsense', 'tcp://0.0.0.0:1']\ncolour = 1\nadmin = 'nowhere'\n"
      "admin_token_file = '/no/such/file'\ndrain_delay_ms = 40000\nmemory_bytes_max = 1\n");
  environment("shards", "many");
  flag("proxy_from", "nobody");
  const auto at = [this](int line, const std::string& name) {
    return path_ + ":" + std::to_string(line) + ": " + name;
  };
  const Problems all = problems();
  const auto count = [&all](const std::string& start) {
    return std::count_if(all.begin(), all.end(), [&](const std::string& one) { return one.starts_with(start + ": "); });
  };
  EXPECT_EQ(10u, all.size());
  EXPECT_EQ(2, count(at(2, "listen")));
  for (const std::string& start :
       {at(1, "queue_bytes_max"), at(3, "colour"), at(4, "admin"), at(5, "admin_token_file"), at(6, "drain_delay_ms"),
        at(7, "memory_bytes_max"), std::string("ONEHOP_SHARDS"), std::string("--proxy-from")}) {
    EXPECT_EQ(1, count(start)) << start;
  }
}

// Of a setting that cannot be read the default holds, and of that nothing else is said.
TEST_F(ConfigurationTest, NothingIsSaidOfWhatDependsOnAWrongValue) {
  write("frame_bytes_max = 67108865\nqueue_bytes_max = 100000\n");
  EXPECT_EQ(Problems({path_ + ":1: frame_bytes_max: must be a whole number, 16384 to 67108864, not 67108865"}),
            problems());
  // Unless a flag decides.
  flag("frame_bytes_max", "67108864");
  EXPECT_EQ(2u, problems().size());
  given_.flags.clear();
  write("stop_deadline_ms = 'soon'\ndrain_delay_ms = 4000000\n");
  EXPECT_EQ(1u, problems().size());
  write("stop_deadline_ms = [\n");
  flag("drain_delay_ms", "4000000");
  EXPECT_EQ(1u, problems().size());
}

TEST_F(ConfigurationTest, OperatorsAndViewersHaveTokensOfTheirOwn) {
  write("admin_token_file = '" + token_path_ + "'\nadmin_viewer_token_file = '" + token_path_ + "'\n");
  EXPECT_EQ(Problems({path_ + ":2: admin_viewer_token_file: holds the same token as admin_token_file"}), problems());
}

TEST_F(ConfigurationTest, AllFilesThatWereReadAreNamed) {
  EXPECT_TRUE(loaded().files.empty());
  write("admin_token_file = '" + token_path_ + "'\n");
  EXPECT_EQ((std::vector<FileStamp>{stamp_of(path_), stamp_of(token_path_)}), loaded().files);
}

// Nobody writes into the pipe: reading it would wait for ever.
TEST_F(ConfigurationTest, APipeIsNoConfiguration) {
  const std::string pipe = testing::TempDir() + "onehop-pipe-" + std::to_string(::getpid());
  ASSERT_EQ(0, ::mkfifo(pipe.c_str(), 0600));
  given_.config_file = pipe;
  EXPECT_EQ(Problems({pipe + ": cannot be read: not a regular file"}), problems());
  write("admin_token_file = '" + pipe + "'\n");
  ASSERT_EQ(1u, problems().size());
  EXPECT_TRUE(problems()[0].ends_with("not a regular file")) << problems()[0];
  ::unlink(pipe.c_str());
}

TEST_F(ConfigurationTest, AVeryLargeFileIsNoConfiguration) {
  write(std::string(1 << 20, '#') + "\n");
  EXPECT_EQ(Problems({path_ + ": cannot be read: longer than 1048576 bytes"}), problems());
}

TEST_F(ConfigurationTest, FilesThatCannotBeRead) {
  given_.config_file = path_;
  EXPECT_EQ(Problems({path_ + ": cannot be read: No such file or directory"}), problems());
  given_.config_file = testing::TempDir();
  EXPECT_EQ(Problems({testing::TempDir() + ": cannot be read: not a regular file"}), problems());
  write("admin_token_file = '/no/such/file'\n");
  ASSERT_EQ(1u, problems().size());
  EXPECT_TRUE(problems()[0].starts_with(path_ + ":1: admin_token_file: ")) << problems()[0];
  EXPECT_NE(std::string::npos, problems()[0].find("/no/such/file")) << problems()[0];
}

// Certificates are loaded with all else, so that whoever takes a configuration over cannot fail any more.
TEST_F(ConfigurationTest, TheFilesOfTlsArePartOfIt) {
  tls::Authority authority;
  const tls::Issued issued = authority.issue("server");
  flag("listen", "tls://127.0.0.1:0");
  EXPECT_EQ(Problems({"--listen: tls://127.0.0.1:0: TLS needs a certificate: see tls_certificate_file"}), problems());
  flag("tls_certificate_file", issued.certificate);
  EXPECT_EQ("tls_key_file: must name as many files as tls_certificate_file: one for each certificate",
            problems().front());
  flag("tls_key_file", issued.key);
  const Configuration good = loaded();
  ASSERT_NE(nullptr, good.tls);
  EXPECT_EQ(good.tls->security(), good.options.broker.tls);
  EXPECT_EQ(2u, std::count_if(good.files.begin(), good.files.end(), [](const FileStamp& file) { return file.there; }));
  flag("tls_client_ca_file", authority.file());
  EXPECT_EQ("--tls-client-ca-file: has no effect with tls_client none: optional or required asks for certificates",
            problems().front());
  flag("tls_client_ca_file", "");
  flag("tls_crl_file", "revoked.pem");
  EXPECT_EQ("--tls-crl-file: has no effect with tls_client none: optional or required asks for certificates",
            problems().front());
  flag("tls_crl_file", "");
  flag("tls_client", "optional");
  EXPECT_EQ("--tls-client: needs tls_client_ca_file, to verify certificates with", problems().front());
  flag("tls_client_ca_file", "missing.pem");
  EXPECT_EQ("--tls-certificate-file: missing.pem: No such file or directory", problems().front());
}

}  // namespace
}  // namespace onehop::daemon
