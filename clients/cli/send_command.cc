// `onehop send`: one message, or each line of standard input, and what became of them.
#include <cinttypes>
#include <cstdio>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/line_reader.h"
#include "cli/standard_streams.h"

namespace onehop::cli {
namespace {

// Blocks of input under way: one being sent, one being read.
constexpr int kInputBlocks = 2;

class SendCommand final : public Command {
 public:
  explicit SendCommand(const Options& options) : Command(options) {
    for (const auto& [key, value] : options.headers) headers_.push_back({key, value});
    send_options_.headers = headers_;
  }

 private:
  void on_open(const client::SessionInfo& session) override {
    Command::on_open(session);
    frame_bytes_max_ = session.frame_bytes_max;
    if (options_.text && *options_.text != "-") return send_text();
    lines_.set_bytes_max(session.frame_bytes_max);
    input_.emplace(loop_, [this](InputBlock block) { on_input(std::move(block)); });
    for (int i = 0; i < kInputBlocks; ++i) input_->give_back({});
  }

  void on_room() override {
    if (input_) {
      send_lines();
    } else {
      send_text();
    }
  }

  void on_outcome(std::string_view, const client::SendResult& result) override {
    switch (result.outcome) {
      case client::Outcome::kAdmitted:
        ++admitted_;
        last_id_ = result.id;
        return;
      case client::Outcome::kRejected:
        ++refused_;
        return report("refused", result.id, client::to_string(result.reason));
      case client::Outcome::kUnknown:
      case client::Outcome::kNotSent:
        ++unknown_;
        const bool sent = result.outcome == client::Outcome::kUnknown;
        return report(sent ? "unknown" : "not sent", result.id, "");
    }
  }

  void on_ended(const client::Ending& ending) override {
    Command::on_ended(ending);
    if (was_open_) summarize();
    if (!code_ && refused_ + unknown_ != 0) code_ = kNotAllAdmitted;
  }

  void on_signal() override { finish(kNotAllAdmitted, 1); }
  void on_timeout() override {
    complain(was_open_ ? "the time is up" : "cannot connect to " + options_.server + ": the time is up");
    finish(was_open_ ? kNotAllAdmitted : kCannotConnect, 1);
  }

  void send_text() {
    while (sent_ < options_.count.value_or(1)) {
      if (!send_one(*options_.text)) return;
    }
    client_->close(0);
  }

  void on_input(InputBlock block) {
    if (code_ || input_ended_) return;
    waiting_.push_back(std::move(block));
    send_lines();
  }

  // Sends the lines that have been read, until there is no room.
  void send_lines() {
    for (;;) {
      if (!has_line_) {
        const LineReader::Next next = lines_.next(line_);
        if (next == LineReader::Next::kNeedMore) {
          if (!take_block()) return;
          continue;
        }
        if (next == LineReader::Next::kEnd) return end_of_input();
        ++line_number_;
        if (next == LineReader::Next::kTooLong) {
          refuse_line();
          continue;
        }
        has_line_ = true;
      }
      if (!send_one(line_)) return;
      has_line_ = false;
      if (sent_ == options_.count) return end_of_input();
    }
  }

  // Goes on to the next block that was read; false: there is none yet.
  bool take_block() {
    if (block_.size != 0) input_->give_back(std::move(block_));
    block_ = {};
    if (waiting_.empty()) return false;
    block_ = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    if (block_.error != 0) {
      complain("cannot read standard input: " + reactor::error_text(block_.error));
      code_ = kNotAllAdmitted;
    }
    lines_.give({block_.bytes.data(), block_.size});
    if (block_.size == 0) lines_.end();
    return true;
  }

  void end_of_input() {
    input_ended_ = true;
    client_->close(0);
  }

  // False: there is no room; the same is to be sent again.
  bool send_one(std::string_view payload) {
    switch (client_->send(options_.to, payload, send_options_)) {
      case client::SendStatus::kWouldBlock:
        return false;
      case client::SendStatus::kAccepted:
        break;
      case client::SendStatus::kTooLarge:
        refuse_line();
        break;
      case client::SendStatus::kInvalid:
        complain("the headers are over their limits (64 of them, 8 KiB together), or a key is not UTF-8");
        finish(kUsage, 1);
        return false;
      case client::SendStatus::kClosed:
        return false;
    }
    ++sent_;
    return true;
  }

  // A message that the broker would not take for its size: found out here.
  void refuse_line() {
    ++refused_;
    report("refused", 0, "TOO_LARGE");
  }

  void report(const char* what, uint64_t id, const std::string& reason) const {
    if (options_.quiet) return;
    const bool local = id == 0 && !reason.empty();
    const uint64_t number = local ? line_number_ : id;
    if (options_.json) {
      std::string line = "{\"event\":\"" + std::string(what) + "\",\"to\":";
      write_json_string(options_.to, line);
      std::fprintf(stderr, "%s,\"%s\":%" PRIu64 ",\"reason\":\"%s\"}\n", line.c_str(), local ? "line" : "id", number,
                   reason.c_str());
    } else {
      std::fprintf(stderr, "%s: to=%s %s=%" PRIu64 "%s%s", what, options_.to.c_str(), local ? "line" : "id", number,
                   reason.empty() ? "" : " reason=", reason.c_str());
      if (local) std::fprintf(stderr, " (the largest frame the broker takes has %u bytes)", frame_bytes_max_);
      std::fputc('\n', stderr);
    }
  }

  void summarize() const {
    if (options_.quiet) return;
    const auto [pauses, repeats] = client_->counts();
    if (options_.json) {
      std::fprintf(stderr,
                   "{\"event\":\"summary\",\"admitted\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"unknown\":%" PRIu64
                   ",\"pauses\":%" PRIu64 ",\"repeats\":%" PRIu64 "}\n",
                   admitted_, refused_, unknown_, pauses, repeats);
    } else if (sent_ == 1 && admitted_ == 1) {
      std::fprintf(stderr, "admitted: to=%s id=%" PRIu64 "\n", options_.to.c_str(), last_id_);
    } else if (sent_ != 1) {
      std::fprintf(stderr, "%" PRIu64 " admitted, %" PRIu64 " refused", admitted_, refused_);
      if (unknown_ != 0) std::fprintf(stderr, ", %" PRIu64 " unknown or not sent", unknown_);
      if (pauses + repeats != 0) {
        std::fprintf(stderr, " (paused %" PRIu64 " times, repeated %" PRIu64 " refused with QUEUE_FULL)", pauses,
                     repeats);
      }
      std::fputc('\n', stderr);
    }
  }

  std::vector<client::Header> headers_;
  client::SendOptions send_options_;
  uint32_t frame_bytes_max_ = 0;

  std::optional<StandardInput> input_;
  std::vector<InputBlock> waiting_;
  InputBlock block_;
  LineReader lines_;
  std::string_view line_;
  bool has_line_ = false;
  bool input_ended_ = false;
  uint64_t line_number_ = 0;

  uint64_t sent_ = 0;
  uint64_t admitted_ = 0;
  uint64_t refused_ = 0;
  uint64_t unknown_ = 0;
  uint64_t last_id_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_send(const Options& options) {
  return std::make_unique<SendCommand>(options);
}

}  // namespace onehop::cli
