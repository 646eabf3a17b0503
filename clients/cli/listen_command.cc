// `onehop listen`: prints what arrives, at the pace of whoever reads it.
#include <cerrno>
#include <cstdio>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/standard_streams.h"

namespace onehop::cli {
namespace {

// Output that waits beyond which the socket is not read. One more read may come on top of it.
constexpr size_t kWaitingBytesMax = 256 << 10;
constexpr uint64_t kCloseMs = 1'000;

class ListenCommand final : public Command {
 public:
  explicit ListenCommand(const Options& options)
      : Command(options), format_(options.format), output_(loop_, [this] { on_progress(); }) {}

 private:
  void on_open(const client::SessionInfo& session) override {
    Command::on_open(session);
    if (options_.quiet) return;
    if (options_.json) {
      std::string line = "{\"event\":\"listening\",\"name\":";
      write_json_string(options_.name, line);
      std::fprintf(stderr, "%s}\n", line.c_str());
    } else {
      std::fprintf(stderr, "listening as %s on %s\n", options_.name.c_str(), options_.server.c_str());
    }
  }

  void on_message(const client::Message& message) override {
    if (code_ || (options_.count && received_ == *options_.count)) return;
    ++received_;
    if (options_.json) {
      write_json(message, output_.buffer());
    } else {
      format_.write(message, output_.buffer());
    }
    if (output_.buffer().size() > kWaitingBytesMax) set_reading(false);
    if (options_.count && received_ == *options_.count) finish(kSuccess, kCloseMs);
  }

  void on_signal() override { finish(kSuccess, kCloseMs); }
  void on_timeout() override {
    if (!was_open_) complain("cannot connect to " + options_.server + ": the time is up");
    finish(!was_open_ ? kCannotConnect : options_.count ? kNotAllAdmitted : kSuccess, kCloseMs);
  }

  // Everything that one turn of the loop brought is written at once, and nothing waits for more.
  void before_sleep() override { output_.flush(); }

  void on_progress() {
    if (output_.error() != 0 && !code_) {
      // Whoever reads a part of the output and goes (head) has what it wanted.
      if (output_.error() != EPIPE) complain("cannot write standard output: " + reactor::error_text(output_.error()));
      finish(output_.error() == EPIPE ? kSuccess : kNotAllAdmitted, kCloseMs);
    }
    if (output_.buffer().size() <= kWaitingBytesMax) set_reading(true);
  }

  void set_reading(bool reading) {
    if (reading == reading_ || !client_) return;
    reading_ = reading;
    client_->set_reading(reading);
  }

  const Format format_;
  StandardOutput output_;
  bool reading_ = true;
  uint64_t received_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_listen(const Options& options) {
  return std::make_unique<ListenCommand>(options);
}

}  // namespace onehop::cli
