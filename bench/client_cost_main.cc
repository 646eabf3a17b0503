// The runs of onehop-bench-client and their medians: see client_cost.cc.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client_cost.h"
#include "onehop/client.h"

extern char** environ;

namespace onehop::bench {
namespace {

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "onehop-bench-client: %s\n", what.c_str());
  std::exit(1);
}

// A process of whose output the first line with `marker` is wanted.
class Child {
 public:
  explicit Child(std::vector<std::string> words, const std::string& marker = "") {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int ends[2];
    if (pipe(ends) != 0) fail("no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (!marker.empty()) posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    if (posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ) != 0)
      fail("cannot start " + words[0]);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    output_ = ends[0];
    do {
      read_line();
    } while (!line_.empty() && line_.find(marker) == std::string::npos);
  }
  ~Child() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    close(output_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  const std::string& line() const { return line_; }

 private:
  void read_line() {
    line_.clear();
    char c = 0;
    while (read(output_, &c, 1) == 1 && c != '\n') line_ += c;
  }

  pid_t pid_ = 0;
  int output_ = -1;
  std::string line_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Settings {
  uint64_t messages = 300'000;
  int repeat = 5;
};

struct Servers {
  std::string onehop;
  std::string nats;
};

double figure_of(const std::string& program, const CostWay& way, const Servers& servers, bool receives,
                 const Settings& settings) {
  const std::string& server = way.run == run_nats ? servers.nats : servers.onehop;
  const Child child(
      {program, "--way", way.name, server, receives ? "both" : "send", std::to_string(settings.messages)});
  if (child.line().empty()) fail(std::string(way.name) + " has failed");
  return std::atof(child.line().c_str());
}

int run_all(const Settings& settings) {
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe");
  const Child broker({program.parent_path() / "onehopd", "--log-level", "off", "--listen", "tcp://127.0.0.1:0",
                      "--admin", "none", "--shards", "1"});
  const size_t at = broker.line().find("tcp://");
  if (at == std::string::npos) fail("the broker does not say where it listens");
  const Child nats({"nats-server", "-a", "127.0.0.1", "-p", "-1"}, "Listening for client connections on ");
  const size_t nats_at = nats.line().find("127.0.0.1:");
  if (nats_at == std::string::npos) fail("nats-server does not say where it listens");
  const Servers servers{broker.line().substr(at), "nats://" + nats.line().substr(nats_at)};
  std::printf("CPU time of the program for each confirmed message of %zu B, ns; medians of %d\n", kPayloadBytes,
              settings.repeat);
  for (const bool receives : {false, true}) {
    std::unique_ptr<client::Client> bob;
    if (!receives) {
      std::string error;
      bob = client::Client::start(servers.onehop, {.name = kRecipient}, {}, error);
      if (bob == nullptr || bob->wait_until_open(kLongMs) != client::WaitStatus::kDone) fail("no recipient: " + error);
    }
    std::vector<std::vector<double>> figures(cost_ways().size());
    for (int i = 0; i != settings.repeat; ++i) {
      for (size_t way = 0; way != figures.size(); ++way) {
        if (!receives && cost_ways()[way].run == run_nats) continue;
        figures[way].push_back(figure_of(program, cost_ways()[way], servers, receives, settings));
      }
    }
    for (size_t way = 0; way != figures.size(); ++way) {
      if (figures[way].empty()) continue;
      std::printf("%-4s  %-12s  %7.0f  %5.2f times loop\n", receives ? "both" : "send", cost_ways()[way].name,
                  median(figures[way]), median(figures[way]) / median(figures[0]));
    }
  }
  return 0;
}

int run_one(char** words) {
  for (const CostWay& way : cost_ways()) {
    if (std::strcmp(way.name, words[0]) != 0) continue;
    const CostRun run{words[1], std::strtoull(words[3], nullptr, 10), std::strcmp(words[2], "both") == 0};
    std::printf("%f\n", way.run(run));
    return 0;
  }
  return 2;
}

int usage() {
  std::fprintf(stderr, "usage: onehop-bench-client [--messages N] [--repeat N]\n");
  return 2;
}

}  // namespace
}  // namespace onehop::bench

int main(int argc, char** argv) {
  using namespace onehop::bench;
  if (argc == 6 && std::strcmp(argv[1], "--way") == 0) return run_one(argv + 2);
  Settings settings;
  for (int i = 1; i < argc; i += 2) {
    const long long number = i + 1 < argc ? std::atoll(argv[i + 1]) : 0;
    if (number <= 0) return usage();
    if (std::strcmp(argv[i], "--messages") == 0) {
      settings.messages = static_cast<uint64_t>(number);
    } else if (std::strcmp(argv[i], "--repeat") == 0) {
      settings.repeat = static_cast<int>(number);
    } else {
      return usage();
    }
  }
  return run_all(settings);
}
