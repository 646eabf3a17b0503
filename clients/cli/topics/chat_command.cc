// `onehop chat`: people in a room, which is a topic. Each line of standard input is said to the others, and what they
// say is printed.
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/message_source.h"
#include "cli/standard_streams.h"

namespace onehop::cli {
namespace {

// Output that waits beyond which the socket is not read.
constexpr size_t kUnprintedBytesMax = 256 << 10;

// --count is about messages that arrive, not about lines that are read.
Options without_count(Options options) {
  options.count.reset();
  return options;
}

class ChatCommand final : public Command {
 public:
  explicit ChatCommand(const Options& options)
      : Command(options),
        source_options_(without_count(options)),
        output_(loop_, [this] { on_progress(); }),
        lines_(loop_, source_options_, [this] { say_more(); }) {}

 private:
  void on_open(const client::SessionInfo& session) override {
    const bool first = !was_open_;
    Command::on_open(session);
    frame_bytes_max_ = session.frame_bytes_max;
    // Later the client restores it by itself.
    if (first) client_->subscribe(options_.room, {.no_echo = true});
  }

  void on_subscribed(std::string_view, Reason reason) override {
    if (code_) return;
    if (reason != Reason::kNone) {
      complain("cannot enter the room " + options_.room + ": " + to_string(reason));
      return finish(kNotAllDelivered, kCloseMs);
    }
    if (std::exchange(is_in_, true)) return;
    if (!options_.quiet) announce();
    lines_.begin(frame_bytes_max_);
    say_more();
  }

  void announce() const {
    if (!options_.json) {
      std::fprintf(stderr, "%s is in the room %s on %s\n", options_.name.c_str(), options_.room.c_str(),
                   options_.server.c_str());
      return;
    }
    std::string line = "{\"event\":\"in_room\",\"name\":";
    write_json_string(options_.name, line);
    write_json_string(options_.room, line += ",\"room\":");
    std::fprintf(stderr, "%s}\n", line.c_str());
  }

  void on_room() override { say_more(); }

  void say_more() {
    while (is_in_ && !code_ && (line_ || take_line())) {
      constexpr client::SendOptions kToRoom{.destination = client::Destination::kTopic,
                                            .confirm = client::Confirm::kRefusals};
      const client::SendStatus status = client_->send(options_.room, *line_, kToRoom);
      if (status == client::SendStatus::kTooLarge) {
        tell_too_large();
      } else if (status != client::SendStatus::kAccepted) {
        return;
      }
      line_.reset();
    }
  }

  // False: there is none now. An empty line says nothing.
  bool take_line() {
    for (std::string_view line;;) {
      switch (lines_.next(line)) {
        case MessageSource::Next::kMessage:
          if (line.empty()) continue;
          line_ = line;
          return true;
        case MessageSource::Next::kTooLarge:
          tell_too_large();
          continue;
        case MessageSource::Next::kNeedMore:
          return false;
        case MessageSource::Next::kEnd:
          if (!lines_.error().empty()) complain(lines_.error());
          // The client ends when it is known of each line whether it was taken.
          finish(lines_.error().empty() ? kSuccess : kNotAllDelivered, 0);
          return false;
      }
    }
  }

  void tell_too_large() {
    some_failed_ = true;
    complain("line " + std::to_string(lines_.number()) + " is larger than the broker takes");
  }

  void on_outcome(std::string_view, const client::SendResult& result) override {
    if (result.outcome == client::Outcome::kAdmitted) {
      told_nobody_ = false;
      return;
    }
    some_failed_ = true;
    if (result.reason == Reason::kNobodyThere) {
      if (!std::exchange(told_nobody_, true)) inform("nobody_there", "nobody else is in the room " + options_.room);
      return;
    }
    const std::string reason = name_of(result.reason);
    complain("a line was not said: " + std::string(client::to_string(result.outcome)) +
             (reason.empty() ? "" : " " + reason));
  }

  void on_message(const client::Message& message) override {
    if (left_) return;
    if (message.skipped != 0) {
      inform("skipped", std::to_string(message.skipped) + " messages were missed, because there was no room for them");
    }
    std::string& out = output_.buffer();
    if (options_.json) {
      write_json(message, unix_ms_now(), out);
    } else {
      // One line, whatever is in it: nobody can say something in another one's name.
      out.append(message.from).append(message.topic.empty() ? " (to you): " : ": ");
      write_for_terminal(message.payload, false, out);
      out += '\n';
    }
    if (out.size() > kUnprintedBytesMax) set_reading(false);
    if (++heard_ == options_.count) leave(kSuccess);
  }

  void on_signal() override { leave(kSuccess); }
  void on_timeout() override {
    if (!was_open_) complain("cannot connect to " + options_.server + ": the time is up");
    leave(!was_open_ ? kCannotConnect : options_.count ? kNotAllDelivered : kSuccess);
  }
  void leave(ExitCode code) {
    left_ = true;
    finish(code, kCloseMs);
  }

  void on_ended(const client::Ending& ending) override {
    Command::on_ended(ending);
    if (some_failed_ && code_.value_or(kSuccess) == kSuccess) code_ = kNotAllDelivered;
  }

  void before_sleep() override { output_.flush(); }
  void on_progress() {
    if (output_.error() != 0) {
      if (output_.error() != EPIPE) complain("cannot write standard output: " + reactor::error_text(output_.error()));
      return leave(output_.error() == EPIPE ? kSuccess : kNotAllDelivered);
    }
    if (output_.buffer().size() <= kUnprintedBytesMax) set_reading(true);
  }
  void set_reading(bool reading) {
    if (reading == reading_ || !client_) return;
    reading_ = reading;
    client_->set_reading(reading);
  }

  const Options source_options_;
  StandardOutput output_;
  MessageSource lines_;
  // What could not be said yet, for want of room. It lies in lines_.
  std::optional<std::string_view> line_;
  uint32_t frame_bytes_max_ = 0;
  uint64_t heard_ = 0;
  bool is_in_ = false;
  bool left_ = false;
  bool some_failed_ = false;
  bool told_nobody_ = false;
  bool reading_ = true;
};

}  // namespace

std::unique_ptr<Command> make_chat(const Options& options) {
  return std::make_unique<ChatCommand>(options);
}

}  // namespace onehop::cli
