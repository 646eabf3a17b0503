// Log: see the header. The only file here that compiles spdlog.
#include "daemon/log.h"

#include <poll.h>
#include <spdlog/async.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>

namespace onehop::daemon {
namespace {

// Lines waiting for the log's thread.
constexpr size_t kQueueLines = 8'192;
// How long the last lines may take to be written, once onehopd has ended all else.
constexpr std::chrono::seconds kLastWords{1};

// What a line shows of one value: a peer's bytes may be many.
constexpr size_t kValueBytesMax = 256;

// Control and non-ASCII bytes as \xNN, so that a line stays one line and nothing in a name can imitate another. The
// result is the inside of a JSON string.
std::string escaped(std::string_view text, bool json) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7F) {
      char buffer[8];
      std::snprintf(buffer, sizeof buffer, json ? "\\u%04x" : "\\x%02x", byte);
      out += buffer;
    } else {
      out += c;
    }
  }
  return out;
}

int64_t this_second() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::seconds(1);
}

// Standard error, written only where it can be at once: nobody may read a pipe, and onehopd has to end all the same. So
// a line waits until there is room, and when the log is closed at most until `kLastWords` have passed.
class StandardError final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  // Any thread.
  void close_soon() { closes_at_ = now() + std::chrono::nanoseconds(kLastWords).count(); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    // A pipe that polls as writable takes so much without blocking.
    for (size_t done = 0; done < line.size() && has_room();) {
      const ssize_t size = ::write(STDERR_FILENO, line.data() + done, std::min<size_t>(line.size() - done, PIPE_BUF));
      if (size < 0 && errno != EINTR && errno != EAGAIN) return;
      if (size > 0) done += static_cast<size_t>(size);
    }
  }
  void flush_() override {}

 private:
  static int64_t now() { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

  // Waits for room; false: no more.
  bool has_room() const {
    constexpr int kLookMs = 50;  // How often it is asked whether the log closes.
    pollfd wanted{STDERR_FILENO, POLLOUT, 0};
    for (;;) {
      const bool closed = now() >= closes_at_;
      const int ready = ::poll(&wanted, 1, closed ? 0 : kLookMs);
      if (ready > 0) return (wanted.revents & POLLOUT) != 0;
      if (closed || (ready < 0 && errno != EINTR)) return false;
    }
  }

  std::atomic<int64_t> closes_at_{INT64_MAX};
};

std::shared_ptr<StandardError> standard_error() {
  static const auto sink = std::make_shared<StandardError>();
  return sink;
}

spdlog::level::level_enum spdlog_level(Log::Level level) {
  switch (level) {
    case Log::Level::kDebug:
      return spdlog::level::debug;
    case Log::Level::kInfo:
      return spdlog::level::info;
    case Log::Level::kWarn:
      return spdlog::level::warn;
    case Log::Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

struct EventLine {
  Log::Level level;
  bool audit;
};

EventLine line_for(BrokerEvent::Kind kind) {
  using Kind = BrokerEvent::Kind;
  using Level = Log::Level;
  switch (kind) {
    case Kind::kSessionOpened:
    case Kind::kSessionDetached:
    case Kind::kSessionResumed:
    case Kind::kSessionRenewed:
    case Kind::kSessionEnded:
      return {Level::kDebug, false};
    case Kind::kConnectionEnded:
    case Kind::kAcceptResumed:
      return {Level::kInfo, false};
    case Kind::kTakenOver:
    case Kind::kConnectRefused:
    case Kind::kKicked:
    case Kind::kMemoryFree:
    case Kind::kDraining:
    case Kind::kDrainTakenBack:
      return {Level::kInfo, true};
    case Kind::kAcceptPaused:
      return {Level::kWarn, false};
    case Kind::kMemoryRefusing:
      return {Level::kWarn, true};
    case Kind::kMemoryEnding:
      return {Level::kError, true};
  }
  return {Level::kInfo, false};
}

}  // namespace

Log::Log(const DaemonOptions& options)
    : json_(options.log_format == "json" || (options.log_format == "auto" && isatty(STDERR_FILENO) == 0)) {
  spdlog::init_thread_pool(kQueueLines, 1);
  auto logger = std::make_shared<spdlog::async_logger>("onehopd", standard_error(), spdlog::thread_pool(),
                                                       spdlog::async_overflow_policy::overrun_oldest);
  logger->set_pattern(json_ ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %-5l %v",
                      spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(options.log_level));
  spdlog::set_default_logger(logger);
}

Log::~Log() {
  tell_left_out_before(INT64_MAX);
  standard_error()->close_soon();
  spdlog::shutdown();
}

void Log::set_level(const std::string& level) {
  spdlog::default_logger_raw()->set_level(spdlog::level::from_str(level));
}

// A session's number stays a text, as in the API: many readers of JSON keep only 53 bits of a number.
void Log::event(const BrokerEvent& e) {
  const EventLine kind = line_for(e.kind);
  const std::string session = e.session == 0 ? std::string() : std::to_string(e.session);
  const std::string code = name_of(e.code);
  write(
      kind.level, to_string(e.kind), kind.audit,
      {{"code", code}, {"name", e.name}, {"peer", e.peer}, {"session", session}, {"shard", e.shard}, {"text", e.text}});
}

void Log::line(Level level, std::string_view event, std::initializer_list<Field> fields) {
  write(level, event, false, fields);
}

void Log::audit(Level level, std::string_view event, std::initializer_list<Field> fields) {
  write(level, event, true, fields);
}

void Log::write(Level level, std::string_view event, bool audit, std::initializer_list<Field> fields) {
  if (!spdlog::should_log(spdlog_level(level)) || !admit_line(level, audit)) return;
  std::string text = json_ ? "\"event\":\"" : (audit ? "audit " : "");
  text += event;
  if (json_) text += audit ? "\",\"audit\":true" : "\"";
  for (const Field& field : fields) {
    const std::string value = written(field);
    if (value.empty()) continue;
    text.append(json_ ? ",\"" : " ").append(field.key).append(json_ ? "\":" : "=").append(value);
  }
  spdlog::default_logger_raw()->log(spdlog_level(level), text);
}

// Empty: it is left out.
std::string Log::written(const Field& field) const {
  if (const auto* number = std::get_if<uint64_t>(&field.value)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    if (text->empty()) return {};
    const std::string value = escaped(text->substr(0, kValueBytesMax), json_);
    return json_ || value.find(' ') != std::string::npos ? "\"" + value + "\"" : value;
  }
  std::string list;
  for (const std::string& element : *std::get<const std::vector<std::string>*>(field.value)) {
    const std::string value = escaped(std::string_view(element).substr(0, kValueBytesMax), json_);
    list.append(list.empty() ? "" : ",").append(json_ ? "\"" + value + "\"" : value);
  }
  return json_ && !list.empty() ? "[" + list + "]" : list;
}

// Sampling under flood.
bool Log::admit_line(Level level, bool audit) {
  if (level == Level::kError) return true;
  const int64_t second = this_second();
  tell_left_out_before(second);
  int64_t left_out = 0;
  const bool admitted = (audit ? audit_budget_ : budget_).admit(second, left_out);
  tell_left_out(audit, left_out);
  if (!admitted) left_out_.fetch_add(1, std::memory_order_relaxed);
  return admitted;
}

void Log::tell_left_out() {
  tell_left_out_before(this_second());
}

// What was left out in an earlier second, or lost because nobody read the log.
void Log::tell_left_out_before(int64_t second) {
  if (lost_looked_.exchange(second) == second) return;
  tell_left_out(false, budget_.take_left_out(second));
  tell_left_out(true, audit_budget_.take_left_out(second));
  const size_t lost = spdlog::thread_pool()->overrun_counter();
  const size_t told = lost_told_.exchange(lost);
  if (lost > told) write(Level::kError, "lines_lost", true, {{"count", lost - told}});
}

void Log::tell_left_out(bool audit, int64_t count) {
  if (count <= 0) return;
  write(Level::kError, audit ? "audit_lines_left_out" : "lines_left_out", audit,
        {{"count", static_cast<uint64_t>(count)}});
}

uint64_t Log::lines_missing() const {
  return left_out_.load(std::memory_order_relaxed) + spdlog::thread_pool()->overrun_counter();
}

}  // namespace onehop::daemon
