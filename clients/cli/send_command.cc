// `onehop send`: one message, or each line of standard input, and what became of them.
#include <algorithm>
#include <array>
#include <cinttypes>
#include <cmath>
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
    send_options_.confirm = options.confirm ? client::Confirm::kDelivered : client::Confirm::kRefusals;
    send_options_.ttl_ms = static_cast<uint32_t>(std::min(std::ceil(options.ttl * 1'000), 4e9));
    send_options_.unknown_patience_ms = patience_ms();
  }

 private:
  void adapt(client::ClientOptions& options) override { options.repeat_unknown = options_.repeat_unknown; }

  void on_open(const client::SessionInfo& session) override {
    const bool first = !was_open_;
    Command::on_open(session);
    frame_bytes_max_ = session.frame_bytes_max;
    if (!first) return;
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
    ++outcomes_[static_cast<size_t>(result.outcome)];
    const bool wanted = result.outcome == (options_.confirm ? client::Outcome::kDelivered : client::Outcome::kAdmitted);
    if (wanted) ++reached_;
    if (!wanted || options_.verbose || is_single()) report(result);
  }

  void on_ended(const client::Ending& ending) override {
    Command::on_ended(ending);
    if (was_open_) summarize();
    if (!code_ && reached_ != sent_ + too_large_) code_ = kNotAllDelivered;
  }

  void on_signal() override { finish(kNotAllDelivered, 1); }
  void on_timeout() override {
    complain(was_open_ ? "the time is up" : "cannot connect to " + options_.server + ": the time is up");
    finish(was_open_ ? kNotAllDelivered : kCannotConnect, 1);
  }

  void send_text() {
    while (sent_ + too_large_ < options_.count.value_or(1)) {
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
      if (sent_ + too_large_ == options_.count) return end_of_input();
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
      code_ = kNotAllDelivered;
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
        return true;
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
    ++too_large_;
    ++outcomes_[static_cast<size_t>(client::Outcome::kRejected)];
    if (options_.quiet) return;
    if (options_.json) {
      std::fprintf(stderr, "%s,\"line\":%" PRIu64 ",\"reason\":\"TOO_LARGE\"}\n", begin_json("REJECTED").c_str(),
                   line_number_);
    } else {
      std::fprintf(stderr,
                   "REJECTED to=%s line=%" PRIu64
                   " reason=TOO_LARGE (the largest frame the broker takes has %u bytes)\n",
                   options_.to.c_str(), line_number_, frame_bytes_max_);
    }
  }

  std::string begin_json(std::string_view outcome) const {
    std::string line = "{\"event\":\"outcome\",\"outcome\":\"" + std::string(outcome) + "\",\"to\":";
    write_json_string(options_.to, line);
    return line;
  }

  void report(const client::SendResult& result) const {
    if (options_.quiet) return;
    const bool has_reason = result.reason != client::Reason::kNone;
    const bool says_attempted = result.outcome == client::Outcome::kExpired || result.outcome == client::Outcome::kLost;
    if (options_.json) {
      std::string line = begin_json(client::to_string(result.outcome));
      line += ",\"n\":" + std::to_string(result.ticket) + ",\"id\":" + std::to_string(result.id);
      if (has_reason) line += ",\"reason\":\"" + client::to_string(result.reason) + '"';
      if (says_attempted) line += result.attempted ? ",\"attempted\":true" : ",\"attempted\":false";
      if (result.code != 0) line += ",\"code\":" + std::to_string(result.code);
      if (!result.text.empty()) write_json_bytes("text", result.text, line += ',');
      std::fprintf(stderr, "%s}\n", line.c_str());
      return;
    }
    std::string line(client::to_string(result.outcome));
    line += " to=" + options_.to + " id=" + std::to_string(result.id);
    if (has_reason) line += " reason=" + client::to_string(result.reason);
    if (says_attempted) line += result.attempted ? " attempted=yes" : " attempted=no";
    if (result.code != 0) line += " code=" + std::to_string(result.code);
    if (!result.text.empty()) line += " text=\"" + printable(result.text) + '"';
    std::fprintf(stderr, "%s\n", line.c_str());
  }

  // "2 delivered, 1 rejected".
  void summarize() const {
    if (options_.quiet) return;
    const auto [pauses, repeats, resumes] = client_->counts();
    if (options_.json) {
      std::string line = "{\"event\":\"summary\"";
      for (const auto& [outcome, name] : kNames) {
        line += ",\"" + std::string(name == "not sent" ? "not_sent" : name) + "\":" + std::to_string(count(outcome));
      }
      std::fprintf(stderr, "%s,\"pauses\":%" PRIu64 ",\"repeats\":%" PRIu64 ",\"resumes\":%" PRIu64 "}\n", line.c_str(),
                   pauses, repeats, resumes);
      return;
    }
    if (is_single()) return;
    const client::Outcome wanted = options_.confirm ? client::Outcome::kDelivered : client::Outcome::kAdmitted;
    std::string line;
    for (const auto& [outcome, name] : kNames) {
      if (count(outcome) == 0 && outcome != wanted) continue;
      if (!line.empty()) line += ", ";
      line += std::to_string(count(outcome)) + ' ' + std::string(name);
    }
    std::string how;
    if (pauses != 0) how += ", paused " + std::to_string(pauses) + " times";
    if (repeats != 0) how += ", repeated " + std::to_string(repeats) + " refused for the moment";
    if (resumes != 0) how += ", resumed " + std::to_string(resumes) + " times";
    if (!how.empty()) line += " (" + how.substr(2) + ')';
    std::fprintf(stderr, "%s\n", line.c_str());
  }

  // Whether there is one message, of which its outcome says all.
  bool is_single() const { return !input_ && options_.count.value_or(1) == 1; }
  uint64_t count(client::Outcome outcome) const { return outcomes_[static_cast<size_t>(outcome)]; }

  static constexpr std::pair<client::Outcome, std::string_view> kNames[] = {
      {client::Outcome::kDelivered, "delivered"}, {client::Outcome::kAdmitted, "admitted"},
      {client::Outcome::kRejected, "rejected"},   {client::Outcome::kExpired, "expired"},
      {client::Outcome::kLost, "lost"},           {client::Outcome::kUnknown, "unknown"},
      {client::Outcome::kNotSent, "not sent"}};

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

  // Accepted by the client; not even that, for their size; DELIVERED, or with --no-confirm ADMITTED.
  uint64_t sent_ = 0;
  uint64_t too_large_ = 0;
  uint64_t reached_ = 0;
  std::array<uint64_t, std::size(kNames)> outcomes_{};
};

}  // namespace

std::unique_ptr<Command> make_send(const Options& options) {
  return std::make_unique<SendCommand>(options);
}

}  // namespace onehop::cli
