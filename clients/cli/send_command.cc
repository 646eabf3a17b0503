// `onehop send`: takes messages from their source, hands each to the client for every recipient, and ends when the fate
// of all is known.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>

#include "cli/command.h"
#include "cli/message_source.h"
#include "cli/outcome_report.h"
#include "cli/pace.h"
#include "cli/progress_line.h"

namespace onehop::cli {
namespace {

uint32_t in_ms(double seconds) {
  return static_cast<uint32_t>(std::min(std::ceil(seconds * 1'000), 4e9));
}

class SendCommand final : public Command {
 public:
  explicit SendCommand(const Options& options)
      : Command(options),
        source_(loop_, options, [this] { send_more(); }),
        pace_(loop_, options.step * 1'000, [this] { send_more(); }),
        progress_(loop_,
                  [this] {
                    return ProgressLine::Counts{accepted_, report_.reached(), report_.failed()};
                  }),
        report_(loop_, options, [this] { progress_.hide(); }) {
    for (const auto& [key, value] : options.headers) headers_.push_back({key, value});
    send_options_.headers = headers_;
    send_options_.destination = options.to_topics ? client::Destination::kTopic : client::Destination::kClient;
    send_options_.confirm = options.confirm ? client::Confirm::kDelivered : client::Confirm::kRefusals;
    send_options_.ttl_ms = in_ms(options.ttl);
    send_options_.unknown_patience_ms = std::max(patience_ms(), in_ms(options.wait));
    if (source_.is_single() && options.to.size() == 1) report_.set_single();
    report_.set_recipients(options.to.size());
  }

 private:
  void adapt(client::ClientOptions& options) override {
    options.repeat_unknown = options_.repeat_unknown;
    options.names_may_come_ms = in_ms(options_.wait);
  }
  void before_line() override { progress_.hide(); }

  void on_open(const client::SessionInfo& session) override {
    const bool first = !was_open_;
    Command::on_open(session);
    frame_bytes_max_ = session.frame_bytes_max;
    if (!first) return;
    const bool shows_progress = !options_.quiet && !options_.json && !source_.is_single();
    if (shows_progress) progress_.begin(options_.confirm ? "delivered" : "admitted");
    source_.begin(frame_bytes_max_);
    send_more();
  }

  void on_room() override { send_more(); }

  void on_outcome(std::string_view to, const client::SendResult& result) override {
    report_.on_outcome(to, result);
    if (!report_.is_wanted(result.outcome)) on_failure();
  }

  void on_failure() {
    if (options_.fail_fast) stop(kCloseMs);
  }

  // Sends nothing more, and waits up to `close_ms` for the outcomes of messages that are under way; 0: without a limit.
  void stop(uint64_t close_ms) {
    if (stopped_) return;
    stopped_ = true;
    client_->close(close_ms);
  }

  void send_more() {
    while (!stopped_) {
      if (!has_message_ && !take_message()) return;
      // Handed to one recipient after the other; where there is no room it goes on later.
      for (; next_to_ < options_.to.size(); ++next_to_) {
        if (!send_one(options_.to[next_to_])) return;
      }
      has_message_ = false;
    }
  }

  // False: there is none now, or it is not time.
  bool take_message() {
    if (!has_turn_ && !pace_.take_turn()) return false;
    has_turn_ = true;
    const MessageSource::Next next = source_.next(message_);
    if (next == MessageSource::Next::kNeedMore) return false;
    if (next == MessageSource::Next::kEnd) {
      all_taken_ = true;
      if (!source_.error().empty()) complain(source_.error());
      stop(0);
      return false;
    }
    has_turn_ = false;
    has_message_ = true;
    // What is too large is told for every recipient, and sent to none.
    next_to_ = next == MessageSource::Next::kMessage ? 0 : options_.to.size();
    if (next == MessageSource::Next::kTooLarge) {
      for (const std::string& to : options_.to) refuse(to);
    }
    return true;
  }

  // False: nothing more can be sent for now.
  bool send_one(const std::string& to) {
    switch (client_->send(to, message_, send_options_)) {
      case client::SendStatus::kAccepted:
        ++accepted_;
        return true;
      case client::SendStatus::kTooLarge:
        refuse(to);
        return !stopped_;
      case client::SendStatus::kInvalid:
        complain("the headers are over their limits (64 of them, 8 KiB together), or a key is not UTF-8");
        stopped_ = true;
        finish(kUsage, 1);
        return false;
      case client::SendStatus::kWouldBlock:
      case client::SendStatus::kClosed:
      case client::SendStatus::kWouldDeadlock:
      case client::SendStatus::kForked:
        break;
    }
    return false;
  }

  // A message that the broker would not take for its size: found out here.
  void refuse(const std::string& to) {
    report_.on_too_large(to, source_.number(), frame_bytes_max_);
    on_failure();
  }

  void on_signal() override { stop_now(""); }
  void on_timeout() override { stop_now("the time is up"); }

  void stop_now(const char* why) {
    if (!was_open_) {
      if (*why != '\0') complain("cannot connect to " + options_.server + ": " + why);
      return finish(*why != '\0' ? kCannotConnect : kNotAllDelivered, 1);
    }
    why_stopped_ = why;
    stopped_ = true;
    client_->close(1);
  }

  // Only now is it known: an outcome may come together with the end of the time.
  bool all_reached() const {
    return all_taken_ && source_.error().empty() && report_.failed() == 0 && report_.reached() == accepted_;
  }

  void on_ended(const client::Ending& ending) override {
    Command::on_ended(ending);
    progress_.end();
    if (!was_open_) return;
    if (!all_reached() && *why_stopped_ != '\0') complain(why_stopped_);
    report_.end(client_->counts());
    // A reader that takes a part of the result and goes has what it wanted.
    const bool written = std::fflush(stdout) == 0 || errno == EPIPE;
    if (!written) complain("cannot write standard output");
    if (!code_ && !(all_reached() && written)) code_ = kNotAllDelivered;
  }

  std::vector<client::Header> headers_;
  client::SendOptions send_options_;
  uint32_t frame_bytes_max_ = 0;

  MessageSource source_;
  Pace pace_;
  ProgressLine progress_;
  OutcomeReport report_;
  // The message that is being sent, and who gets it next.
  std::string_view message_;
  size_t next_to_ = 0;
  bool has_turn_ = false;
  bool has_message_ = false;
  // The source has no more; nothing more is sent, for whatever reason.
  bool all_taken_ = false;
  bool stopped_ = false;
  const char* why_stopped_ = "";
  // By the client: each has an outcome in the end.
  uint64_t accepted_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_send(const Options& options) {
  return std::make_unique<SendCommand>(options);
}

}  // namespace onehop::cli
