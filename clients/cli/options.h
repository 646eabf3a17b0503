// What the command line asks for, checked as far as that is possible without a broker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace onehop::cli {

// The documented exit codes.
enum ExitCode : int {
  kSuccess = 0,
  kNotAllAdmitted = 1,
  kUsage = 2,
  kCannotConnect = 3,
  kEndedByBroker = 4,
};

struct Options {
  enum class Command : uint8_t { kListen, kSend, kPing };
  Command command = Command::kSend;

  std::string server = "tcp://127.0.0.1:7411";
  std::string name;
  bool json = false;
  bool quiet = false;
  std::optional<uint64_t> count;
  // Seconds.
  std::optional<double> timeout;

  // send
  std::string to;
  std::optional<std::string> text;
  std::vector<std::pair<std::string, std::string>> headers;

  // listen
  std::string format = "%p\\n";
  bool take_over = false;

  // ping, seconds
  double interval = 1.0;
};

// Reads the command line. Returns an exit code if there is nothing left to do: help was printed, or what is wrong.
std::optional<int> parse_options(int argc, char** argv, Options& options);

}  // namespace onehop::cli
