// See the header.
#include "cli/command.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <utility>

#include "cli/credentials.h"
#include "cli/diagnostics.h"

namespace onehop::cli {
namespace {

constexpr uint64_t kConnectMsMax = 10'000;
// Somebody looks on while a lost connection is not back.
constexpr uint32_t kBackoffMsMax = 2'000;

uint64_t to_ms(double seconds) {
  return static_cast<uint64_t>(std::max(1.0, seconds * 1'000));
}

// "5 s", "0.5 s".
std::string in_seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", seconds);
  return text;
}

}  // namespace

Command::Command(const Options& options)
    : options_(options),
      signals_(loop_, [this] { on_signal(); }),
      timeout_(loop_, [this] { on_timeout(); }),
      patience_(loop_, [this] { give_up(); }) {
  std::signal(SIGPIPE, SIG_IGN);
}

ExitCode Command::run() {
  client::ClientOptions client_options;
  client_options.name = options_.name;
  client_options.token = options_.token;
  // A file may be given a new token before the one that it holds ends.
  if (!options_.token_file.empty()) {
    client_options.token_source = [this] {
      std::string token, error;
      return read_client_token(options_.token_file, token, error) ? token : options_.token;
    };
  }
  client_options.software = "onehop-cli/" ONEHOP_VERSION;
  client_options.on_conflict = options_.take_over ? client::OnConflict::kTakeOver : client::OnConflict::kReject;
  client_options.session_expiry_ms = static_cast<uint32_t>(options_.session_expiry * 1'000);
  client_options.reconnect = client_options.session_expiry_ms != 0;
  client_options.backoff_ms_max = kBackoffMsMax;
  client_options.name_patience_ms = patience_ms();
  client_options.patient_at_start = options_.patience_given;
  adapt(client_options);
  if (!may_connect()) return kUsage;
  client_options.connect_timeout_ms = kConnectMsMax;
  client_options.tls_ca_file = options_.tls.ca;
  client_options.tls_certificate_file = options_.tls.certificate;
  client_options.tls_key_file = options_.tls.key;
  client_options.tls_server_name = options_.tls.server_name;
  client_options.tls_insecure = options_.tls.insecure;
  if (options_.timeout) timeout_.arm_at(loop_.now_ms() + to_ms(*options_.timeout));
  loop_.before_sleep = [this] {
    before_sleep();
    std::fflush(stdout);
    std::fflush(stderr);
  };
  client_loop_.emplace(loop_.uv());
  std::string error;
  client_ = client::LoopClient::start(*client_loop_, options_.server, std::move(client_options), *this, error);
  if (client_ == nullptr) {
    client_loop_.reset();
    complain(error);
    return kUsage;
  }
  loop_.run();
  client_.reset();
  client_loop_.reset();
  return code_.value_or(kSuccess);
}

void Command::on_open(const client::SessionInfo& session) {
  if (std::exchange(is_down_, false)) {
    inform("up", session.resumed ? "connected again" : "connected again, in a new session");
  }
  patience_.disarm();
  was_open_ = true;
}

uint32_t Command::patience_ms() const {
  return static_cast<uint32_t>(std::ceil(options_.patience * 1'000));
}

// A connection that never came about is not tried again: whoever typed the command wants to know. But for a name that
// is in use, which may be free in a moment. One that was lost is tried again as long as its session may live.
void Command::on_down(const client::Ending& ending, uint64_t) {
  if (code_) return;
  if (!was_open_) {
    if (ending.code == client::Code::kNameInUse) return tell_name_in_use();
    fail(ending);
    return client_->close(1);
  }
  if (std::exchange(is_down_, true)) return;
  why_down_ = ending;
  inform("down", client::describe(ending) + "; trying again");
  patience_.arm_at(loop_.now_ms() + to_ms(options_.session_expiry));
}

void Command::tell_name_in_use() {
  if (std::exchange(told_name_in_use_, true)) return;
  inform("waiting", "the name " + options_.name + " is in use; trying again for " + in_seconds(options_.patience));
}

void Command::give_up() {
  fail(why_down_);
  client_->close(1);
}

void Command::on_ended(const client::Ending& ending) {
  loop_.stop();
  if (ending.cause != client::Ending::Cause::kClosed && !code_) fail(ending);
}

void Command::fail(const client::Ending& ending) {
  const bool ended_by_broker = was_open_ || ending.cause == client::Ending::Cause::kGoodbye;
  code_ = ended_by_broker ? kEndedByBroker : kCannotConnect;
  const std::string what = client::describe(ending);
  const bool complete = ended_by_broker || ending.cause == client::Ending::Cause::kConnectFailed;
  complain(complete ? what : "cannot connect to " + options_.server + ": " + what);
}

void Command::finish(ExitCode code, uint64_t close_ms) {
  if (!code_) code_ = code;
  client_->close(close_ms);
}

void Command::finish_and_keep_session(ExitCode code, uint64_t close_ms) {
  if (!code_) code_ = code;
  client_->detach(close_ms);
}

void Command::inform(const char* event, const std::string& what) {
  if (options_.quiet) return;
  before_line();
  write_note(options_.json, event, what);
}

void Command::complain(const std::string& what) {
  before_line();
  write_error(options_.json, what);
}

}  // namespace onehop::cli
