// `onehop listen`: prints what arrives, at the pace of whoever reads it, and acknowledges what was printed.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <deque>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/standard_streams.h"
#include "cli/state_file.h"
#include "cli/verdicts.h"

namespace onehop::cli {
namespace {

// Output that waits beyond which the socket is not read. One more read may come on top of it.
constexpr size_t kWaitingBytesMax = 256 << 10;
// How many connections a process may make before the file has to be written again. A process that is killed between a
// connection and the writing must not leave an attempt in the file that the broker has seen already.
constexpr uint32_t kAttemptsReserved = 100;

class ListenCommand final : public Command {
 public:
  explicit ListenCommand(const Options& options)
      : Command(options),
        format_(options.format, !options.raw && isatty(STDOUT_FILENO) != 0),
        output_(loop_, [this] { on_progress(); }),
        leaving_(loop_, [this] { leave_now(); }) {}

 private:
  void adapt(client::ClientOptions& options) override {
    options.ack = client::AckMode::kManual;
    options.receive_window = options_.receive_window;
    if (options_.state_file.empty()) return;
    std::string error;
    options.resume = read_state(options_.state_file, error);
    // Without a name, the session's is the one.
    if (options.resume && !options_.name.empty() && options.resume->name != options_.name) {
      error = options_.state_file + " holds the session of " + options.resume->name + ", not of " + options_.name;
    }
    if (error.empty() && options.resume) error = write_reserved(*options.resume);
    if (error.empty()) return;
    complain(error);
    unusable_state_ = true;
  }
  bool may_connect() const override { return !unusable_state_; }

  void on_open(const client::SessionInfo& session) override {
    const bool first = !was_open_;
    Command::on_open(session);
    session_ = session.session;
    keep_state();
    resumed_ = session.resumed;
    const bool renamed = session.name != name_;
    name_ = session.name;
    if (!first && renamed) announce();
    if (first) subscribe();
    if (first && options_.ack == Options::Ack::kManual) {
      verdicts_.emplace(
          loop_, [this](const Verdict& verdict) { give(verdict); },
          [this](const std::string& what) { complain(what); });
    }
  }

  void on_down(const client::Ending& ending, uint64_t retry_in_ms) override {
    Command::on_down(ending, retry_in_ms);
    keep_state();
  }

  // What is sent once it is announced arrives, also of topics.
  void subscribe() {
    for (const std::string& topic : options_.topics) client_->subscribe(topic);
    unanswered_ = options_.topics.size();
    if (unanswered_ == 0) announce();
  }

  void on_subscribed(std::string_view filter, Reason reason) override {
    if (code_) return;
    if (reason != Reason::kNone) {
      complain("cannot subscribe to " + std::string(filter) + ": " + to_string(reason));
      return leave(kNotAllDelivered);
    }
    if (unanswered_ != 0 && --unanswered_ == 0) announce();
  }

  void announce() {
    if (options_.quiet) return;
    if (options_.json) {
      std::string line = "{\"event\":\"listening\",\"name\":";
      write_json_string(name_, line);
      std::fprintf(stderr, "%s,\"resumed\":%s}\n", line.c_str(), resumed_ ? "true" : "false");
    } else {
      std::fprintf(stderr, "listening as %s on %s%s\n", name_.c_str(), options_.server.c_str(),
                   resumed_ ? ", in the session from before" : "");
    }
  }

  void on_message(const client::Message& message) override {
    if (code_) return;
    if (message.skipped != 0) {
      inform("skipped",
             std::to_string(message.skipped) + " messages of topics were missed, because there was no room for them");
    }
    std::string& out = output_.buffer();
    const size_t before = out.size();
    if (options_.json) {
      write_json(message, unix_ms_now(), out);
    } else {
      format_.write(message, unix_ms_now(), out);
    }
    printed_bytes_ += out.size() - before;
    if (message.tag) take(message.tag);
    if (out.size() > kWaitingBytesMax) set_reading(false);
    ++received_;
    if (options_.count && received_ == *options_.count) leave(kSuccess);
  }

  void take(const client::DeliveryTag& tag) {
    if (options_.ack != Options::Ack::kManual) printed_.push_back({printed_bytes_, tag});
  }

  void give(const Verdict& verdict) {
    const client::DeliveryTag tag{session_, verdict.tag};
    switch (verdict.kind) {
      case Verdict::Kind::kAck:
        return client_->acknowledge(tag);
      case Verdict::Kind::kUpTo:
        return client_->acknowledge_up_to(tag);
      case Verdict::Kind::kRefuse:
        return client_->refuse(tag, {.text = verdict.text, .code = verdict.code});
    }
  }

  void on_signal() override { leave(kSuccess); }
  void on_timeout() override {
    if (!was_open_) complain("cannot connect to " + options_.server + ": the time is up");
    leave(!was_open_ ? kCannotConnect : options_.count ? kNotAllDelivered : kSuccess);
  }

  // The end: what was printed is acknowledged first, unless whoever reads it takes nothing.
  void leave(ExitCode code) {
    if (code_) return;
    code_ = code;
    leaving_.arm_at(loop_.now_ms() + kCloseMs);
    acknowledge_written();
    if (all_written()) leave_now();
  }
  void leave_now() {
    leaving_.disarm();
    if (options_.state_file.empty()) {
      finish(*code_, kCloseMs);
    } else {
      finish_and_keep_session(*code_, kCloseMs);
    }
  }

  // Everything that one turn of the loop brought is written at once, and nothing waits for more.
  void before_sleep() override {
    output_.flush();
    // A format may print nothing of a message: then no progress of the output tells that it is done.
    acknowledge_written();
  }

  void acknowledge_written() {
    while (!printed_.empty() && printed_.front().end <= output_.written_bytes()) {
      if (options_.ack == Options::Ack::kRefuse) {
        client_->refuse(printed_.front().tag, {.text = options_.refuse_text});
      } else {
        client_->acknowledge(printed_.front().tag);
      }
      printed_.pop_front();
    }
  }

  void on_progress() {
    acknowledge_written();
    if (output_.error() != 0 && !code_) {
      // Whoever reads a part of the output and goes (head) has what it wanted.
      if (output_.error() != EPIPE) complain("cannot write standard output: " + reactor::error_text(output_.error()));
      code_ = output_.error() == EPIPE ? kSuccess : kNotAllDelivered;
      return leave_now();
    }
    if (leaving_.armed() && all_written()) return leave_now();
    if (output_.buffer().size() <= kWaitingBytesMax) set_reading(true);
  }

  bool all_written() const { return output_.written_bytes() == printed_bytes_; }

  void set_reading(bool reading) {
    if (reading == reading_ || !client_) return;
    reading_ = reading;
    client_->set_reading(reading);
  }

  void keep_state() {
    if (options_.state_file.empty()) return;
    const std::optional<client::SavedSession> session = client_->saved_session();
    if (!session) return;
    const std::string error = write_reserved(*session);
    if (!error.empty()) complain(error);
  }
  std::string write_reserved(client::SavedSession session) const {
    session.attempt += kAttemptsReserved;
    return write_state(options_.state_file, session);
  }

  // Where the output of a message ends, in all that was printed.
  struct Printed {
    uint64_t end;
    client::DeliveryTag tag;
  };

  const Format format_;
  StandardOutput output_;
  std::optional<VerdictInput> verdicts_;
  reactor::Timer leaving_;
  std::deque<Printed> printed_;
  uint64_t printed_bytes_ = 0;
  uint64_t session_ = 0;
  // As the broker said it last: where the command line gives none, the broker makes one for each session.
  std::string name_;
  bool resumed_ = false;
  // Topics whose answer is awaited.
  size_t unanswered_ = 0;
  bool unusable_state_ = false;
  bool reading_ = true;
  uint64_t received_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_listen(const Options& options) {
  return std::make_unique<ListenCommand>(options);
}

}  // namespace onehop::cli
