// What the commands that are a client have in common: a loop, a client on it, the time limit, signals, and reports on
// standard error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/options.h"
#include "onehop/loop_client.h"
#include "reactor/loop.h"
#include "reactor/signals.h"
#include "reactor/timer.h"

namespace onehop::cli {

// What a closing command gives the broker to say goodbye.
constexpr uint64_t kCloseMs = 1'000;

class Command : public client::ClientEvents {
 public:
  explicit Command(const Options& options);
  virtual ~Command() = default;

  // Runs the loop to the command's end.
  ExitCode run();

 protected:
  // The client's ending, when the command did not want it yet, and what the code is when it did.
  void on_open(const client::SessionInfo& session) override;
  void on_message(const client::Message&) override {}
  void on_outcome(std::string_view, const client::SendResult&) override {}
  void on_down(const client::Ending& ending, uint64_t retry_in_ms) override;
  void on_ended(const client::Ending& ending) override;

  // What is special about the command's client.
  virtual void adapt(client::ClientOptions&) {}
  // Whether that has left anything to do; if not, the command is over as a wrong command line is.
  virtual bool may_connect() const { return true; }
  // SIGINT or SIGTERM; the end of --timeout, when `was_open` says whether there ever was a session.
  virtual void on_signal() = 0;
  virtual void on_timeout() = 0;
  virtual void before_sleep() {}
  // The command is over: with this code, unless one was set before. Closes the client, in at most `close_ms`, or leaves
  // its session for the next process.
  void finish(ExitCode code, uint64_t close_ms);
  void finish_and_keep_session(ExitCode code, uint64_t close_ms);

  // How long to wait where that may help.
  uint32_t patience_ms() const;

  // Called before a line is written to standard error.
  virtual void before_line() {}
  // An error, on standard error.
  void complain(const std::string& what);
  // The same about what is no error, unless --quiet.
  void inform(const char* event, const std::string& what);

  const Options& options_;
  reactor::Loop loop_;
  bool was_open_ = false;
  std::optional<ExitCode> code_;
  // Last, so that nothing of the command is told anything when it goes.
  std::optional<client::ClientLoop> client_loop_;
  std::unique_ptr<client::LoopClient> client_;

 private:
  void give_up();
  void tell_name_in_use();
  void fail(const client::Ending& ending);

  reactor::Signals signals_;
  reactor::Timer timeout_;
  // Runs while a connection that was lost is not back.
  reactor::Timer patience_;
  bool is_down_ = false;
  bool told_name_in_use_ = false;
  client::Ending why_down_;
};

std::unique_ptr<Command> make_send(const Options& options);
std::unique_ptr<Command> make_listen(const Options& options);
std::unique_ptr<Command> make_chat(const Options& options);
std::unique_ptr<Command> make_ping(const Options& options);

}  // namespace onehop::cli
