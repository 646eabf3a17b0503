// What the command line asks for, checked as far as that is possible without a broker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/admin/options.h"
#include "cli/identity/commands.h"
#include "cli/tls/options.h"

namespace onehop::cli {

// The documented exit codes.
enum ExitCode : int {
  kSuccess = 0,
  kNotAllDelivered = 1,
  kNotDone = 1,  // The same, of the operator's commands.
  kUsage = 2,
  kCannotConnect = 3,
  kEndedByBroker = 4,
};

struct Options {
  enum class Command : uint8_t { kListen, kSend, kChat, kPing };
  Command command = Command::kSend;

  std::string server = "tcp://127.0.0.1:7411";
  TlsOptions tls;
  std::string name;
  // The credentials, and the file that they come from if there is one.
  std::string token;
  std::string token_file;
  bool json = false;
  bool quiet = false;
  std::optional<uint64_t> count;
  // Seconds.
  std::optional<double> timeout;
  // listen, send and chat, seconds: how long a broken connection may be resumed; 0: not at all.
  double session_expiry = 60;
  // listen, send and chat, seconds: how long to wait where that may help; 0: not at all. Whether it was asked for.
  double patience = 5;
  bool patience_given = false;

  // listen: what to subscribe to. chat: the topic that is the room.
  std::vector<std::string> topics;
  std::string room = "chat";

  // send: the recipients, at least one, which are clients or topics; where the messages come from.
  std::vector<std::string> to;
  bool to_topics = false;
  enum class Source : uint8_t { kText, kFile, kWhole, kLines, kNulls };
  Source source = Source::kLines;
  std::optional<std::string> text;
  std::string file;
  std::vector<std::pair<std::string, std::string>> headers;
  bool confirm = true;
  // Seconds; 0: as long as the broker allows.
  double ttl = 0;
  bool repeat_unknown = false;
  bool verbose = false;
  bool fail_fast = false;
  // Seconds between two messages; 0: none.
  double step = 0;
  // Seconds to wait for a recipient that is not there; 0: as patience says.
  double wait = 0;

  // listen; raw: control characters reach a terminal as they are.
  enum class Ack : uint8_t { kAuto, kManual, kRefuse };
  Ack ack = Ack::kAuto;
  std::string format;
  bool raw = false;
  bool take_over = false;
  uint32_t receive_window = 0;
  std::string state_file;
  std::string refuse_text = "refused by the listener";

  // ping, seconds
  double interval = 1.0;

  // If it is one of the operator's commands, which; then nothing above counts.
  AdminOptions admin;
  // The same of the commands that need no broker.
  IdentityCommandOptions identity;
};

// Reads the command line. Returns an exit code if there is nothing left to do: help was printed, or what is wrong.
std::optional<int> parse_options(int argc, char** argv, Options& options);

}  // namespace onehop::cli
