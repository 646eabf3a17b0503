// onehop-compare: the broker beside a forwarder that does not look at what it carries, on the same work, in one run.
// The figure that counts is the CPU time of the system for one message, because wall-clock time on a shared machine
// says little; ratios within one run hold where absolute times drift. Systems take turns; each run starts its system
// anew.
//
//   onehop-compare [--only NAME] [--repeat N] [--seconds S] [--quick] [--json FILE] [--markdown FILE]
//                  [--work PAIRS,WINDOW,BYTES]... [--blind PATH] [--onehopd PATH] [--variant NAME=PATH]...
//
// --work is the reader's own, instead of ours. A variant is another build of onehopd, measured beside the first. Runs
// with nothing else on the machine: the system is on core 0, the generator on core 1.
#include <sys/resource.h>
#include <sys/utsname.h>

#include <string_view>
#include <thread>

#include "figures_generator.h"
#include "figures_idle.h"
#include "figures_report.h"
#include "measured_process.h"

namespace {

using namespace onehop::bench;

struct Options {
  std::string command;
  std::vector<std::string> only;
  std::vector<Work> works;
  size_t repeat = 5;
  Timing timing{0.3, 1.0};
  bool quick = false;
  std::string json, markdown;
  std::string blind, onehopd;
  std::vector<std::pair<std::string, std::string>> variants;
};

struct Case {
  std::string label;
  System system;
  Work work;
};

struct Comparison {
  std::string name;
  std::string title;
  double target;
  std::vector<Case> cases;
  std::vector<size_t> idle_connections;  // If not empty, this is what is measured, and `work` is ignored.
};

constexpr uint32_t kIdleKeepaliveMs = 2'000;

[[noreturn]] void usage(const char* problem) {
  std::fprintf(stderr,
               "onehop-compare: %s\nusage: onehop-compare [--only NAME] [--repeat N] [--seconds S] [--quick] "
               "[--json FILE] [--markdown FILE] [--work PAIRS,WINDOW,BYTES]... [--blind PATH] [--onehopd PATH] "
               "[--variant NAME=PATH]...\n",
               problem);
  std::exit(2);
}

Options read_options(int argc, char** argv) {
  Options options;
  const auto beside_us = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  options.blind = beside_us / "onehop-blind";
  options.onehopd = beside_us / "onehopd";
  options.command = "onehop-compare";
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    options.command += " " + std::string(flag);
    if (flag == "--quick") {
      options.quick = true;
      options.repeat = 1;
      options.timing = {0.02, 0.05};
      continue;
    }
    if (i + 1 == argc) usage("a flag is unknown or lacks its value");
    const std::string value = argv[++i];
    options.command += " " + value;
    if (flag == "--only") {
      options.only.push_back(value);
    } else if (flag == "--work") {
      Work work{};
      if (std::sscanf(value.c_str(), "%zu,%zu,%zu", &work.pairs, &work.window, &work.bytes) != 3 || work.pairs == 0 ||
          work.window == 0 || work.bytes < 8) {
        usage("--work wants PAIRS,WINDOW,BYTES, with at least 8 bytes");
      }
      options.works.push_back(work);
    } else if (flag == "--repeat") {
      options.repeat = std::max<size_t>(1, std::strtoul(value.c_str(), nullptr, 10));
    } else if (flag == "--seconds") {
      options.timing.seconds = std::max(0.01, std::strtod(value.c_str(), nullptr));
    } else if (flag == "--json") {
      options.json = value;
    } else if (flag == "--markdown") {
      options.markdown = value;
    } else if (flag == "--blind") {
      options.blind = value;
    } else if (flag == "--onehopd") {
      options.onehopd = value;
    } else if (flag == "--variant" && value.find('=') != std::string::npos) {
      const size_t equals = value.find('=');
      options.variants.emplace_back(value.substr(0, equals), value.substr(equals + 1));
    } else {
      usage("a flag is unknown or has a bad value");
    }
  }
  return options;
}

// onehopd, and the other builds of it.
std::vector<System> brokers(const Options& options, unsigned shards) {
  std::vector<System> systems{onehop_system("onehop", options.onehopd, shards)};
  for (const auto& [name, path] : options.variants) systems.push_back(onehop_system(name, path, shards));
  return systems;
}

Comparison beside_blind(const Options& options, const std::string& name, const std::string& title, double target,
                        const Work& work) {
  Comparison comparison{name, title, target, {{"blind", blind_system(options.blind), work}}, {}};
  for (const System& system : brokers(options, 1)) comparison.cases.push_back({system.name, system, work});
  return comparison;
}

// The same senders, to partners and to nobody.
Comparison refused_beside_delivered(const Options& options, const char* name, const char* title, unsigned shards) {
  Comparison comparison{name, title, 1.5, {}, {}};
  Work work{100, 128, 128};
  work.ids = true;
  Work refused = work;
  refused.nobody = true;
  for (const System& system : brokers(options, shards)) {
    comparison.cases.push_back({system.name + ", delivered", system, work});
    comparison.cases.push_back({system.name + ", refused", system, refused});
  }
  return comparison;
}

// The same pairs, unconfirmed and confirmed.
Comparison confirmed_beside_unconfirmed(const Options& options, const char* name, const char* title, unsigned shards) {
  Comparison comparison{name, title, 2, {}, {}};
  Work work{100, 128, 128};
  Work with_ids = work;
  with_ids.ids = true;
  Work confirmed = with_ids;
  confirmed.confirmed = true;
  for (const System& system : brokers(options, shards)) {
    comparison.cases.push_back({system.name + ", unconfirmed", system, work});
    comparison.cases.push_back({system.name + ", unconfirmed with ids", system, with_ids});
    comparison.cases.push_back({system.name + ", confirmed", system, confirmed});
  }
  return comparison;
}

std::vector<Comparison> own_comparisons(const Options& options) {
  std::vector<Comparison> own;
  for (const Work& work : options.works) {
    const std::string title = std::to_string(work.pairs) + " pairs, window " + std::to_string(work.window) + ", " +
                              std::to_string(work.bytes) + " B";
    own.push_back(beside_blind(options, "work", title, 0, work));
  }
  return own;
}

std::vector<Comparison> all_comparisons(const Options& options) {
  if (!options.works.empty()) return own_comparisons(options);
  Work one_in_flight{1, 1, 128};
  one_in_flight.spinning = true;
  const size_t many = options.quick ? 200 : 4'000;
  std::vector<Comparison> all{
      beside_blind(options, "one-pair", "1 pair, window 1024, 128 B", 2, {1, 1024, 128}),
      beside_blind(options, "hundred-pairs", "100 pairs, window 128, 128 B", 2, {100, 128, 128}),
      beside_blind(options, "tiny", "100 pairs, window 128, 16 B", 2, {100, 128, 16}),
      beside_blind(options, "large", "100 pairs, window 64, 4 KiB", 0, {100, 64, 4096}),
      beside_blind(options, "many-pairs", "4,000 pairs, window 4, 128 B", 0, {many, 4, 128}),
      refused_beside_delivered(options, "refused", "100 clients, window 128, 128 B, ids, 1 shard", 1),
      refused_beside_delivered(options, "refused-2-shards", "100 clients, window 128, 128 B, ids, 2 shards on core 0",
                               2),
      confirmed_beside_unconfirmed(options, "confirmed", "100 pairs, window 128, 128 B, confirm = DELIVERED, 1 shard",
                                   1),
      confirmed_beside_unconfirmed(options, "confirmed-2-shards",
                                   "100 pairs, window 128, 128 B, confirm = DELIVERED, 2 shards on core 0", 2),
      beside_blind(options, "one-in-flight", "1 pair, 1 message in flight, 128 B", 0, one_in_flight),
      beside_blind(options, "idle", "named, keepalive 2 s", 1024, {}),
  };
  all.back().idle_connections = options.quick ? std::vector<size_t>{100, 200} : std::vector<size_t>{1000, 8000, 15000};
  return all;
}

ComparisonResult run(const Comparison& comparison, const Options& options) {
  ComparisonResult result{comparison.name, comparison.title, comparison.target, {}};
  for (const Case& one : comparison.cases) result.cases.push_back({one.label, {}, {}});
  for (size_t round = 0; round < options.repeat; ++round) {
    for (size_t k = 0; k < comparison.cases.size(); ++k) {
      // Back and forth, so that a drift favours nobody.
      const size_t i = round % 2 == 0 ? k : comparison.cases.size() - 1 - k;
      const Case& one = comparison.cases[i];
      if (comparison.idle_connections.empty()) {
        result.cases[i].work.push_back(run_work(one.system, one.work, options.timing));
      } else {
        const uint32_t keepalive_ms = options.quick ? 1'000 : kIdleKeepaliveMs;
        result.cases[i].idle_bytes.push_back(idle_bytes(one.system, comparison.idle_connections, keepalive_ms));
      }
    }
  }
  return result;
}

Origins origins_of(const Options& options) {
  utsname kernel{};
  uname(&kernel);
  std::string model = "unknown processor";
  std::ifstream cpus("/proc/cpuinfo");
  for (std::string line; std::getline(cpus, line);) {
    if (line.starts_with("model name")) model = line.substr(line.find(':') + 2);
  }
  return {model + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores, " + kernel.sysname + " " +
              kernel.release,
          "compiled by " __VERSION__, options.command};
}

void write_file(const std::string& path, const std::string& text) {
  if (path.empty()) return;
  std::ofstream file(path);
  file << text;
  if (!file) fail(path.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  pin(kGeneratorCore);
  std::vector<ComparisonResult> results;
  for (const Comparison& comparison : all_comparisons(options)) {
    const bool wanted = options.only.empty() ||
                        std::find(options.only.begin(), options.only.end(), comparison.name) != options.only.end();
    if (!wanted) continue;
    std::fprintf(stderr, "%s ...\n", comparison.name.c_str());
    results.push_back(run(comparison, options));
  }
  if (results.empty()) usage("--only names no comparison");
  const Origins origins = origins_of(options);
  const std::string table = markdown(origins, results);
  std::fputs(table.c_str(), stdout);
  write_file(options.markdown, table);
  write_file(options.json, json(origins, results));
}
