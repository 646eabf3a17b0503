// Log: see the header. The only file here that compiles spdlog.
#include "log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <chrono>

namespace onehop::daemon {
namespace {

// Lines waiting for the log's thread.
constexpr size_t kQueueLines = 8'192;
// What one second may log below errors; a flood says the same over and over, and is counted instead.
constexpr int64_t kLinesPerSecond = 500;

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
  std::string_view event;
};

EventLine line_for(BrokerEvent::Kind kind) {
  switch (kind) {
    case BrokerEvent::Kind::kSessionOpened:
      return {Log::Level::kDebug, "session_opened"};
    case BrokerEvent::Kind::kSessionDetached:
      return {Log::Level::kDebug, "session_detached"};
    case BrokerEvent::Kind::kSessionResumed:
      return {Log::Level::kDebug, "session_resumed"};
    case BrokerEvent::Kind::kSessionEnded:
      return {Log::Level::kDebug, "session_ended"};
    case BrokerEvent::Kind::kTakenOver:
      return {Log::Level::kDebug, "session_taken_over"};
    case BrokerEvent::Kind::kConnectRefused:
      return {Log::Level::kInfo, "connect_refused"};
    case BrokerEvent::Kind::kConnectionEnded:
      return {Log::Level::kInfo, "connection_ended"};
    case BrokerEvent::Kind::kAcceptPaused:
      return {Log::Level::kWarn, "accept_paused"};
    case BrokerEvent::Kind::kAcceptResumed:
      return {Log::Level::kInfo, "accept_resumed"};
  }
  return {Log::Level::kInfo, "event"};
}

}  // namespace

Log::Log(const DaemonOptions& options)
    : json_(options.log_format == "json" || (options.log_format == "auto" && isatty(STDERR_FILENO) == 0)) {
  spdlog::init_thread_pool(kQueueLines, 1);
  auto logger =
      std::make_shared<spdlog::async_logger>("onehopd", std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                             spdlog::thread_pool(), spdlog::async_overflow_policy::overrun_oldest);
  logger->set_pattern(json_ ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %-5l %v",
                      spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(options.log_level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(logger);
}

Log::~Log() {
  spdlog::shutdown();
}

void Log::event(const BrokerEvent& e) {
  const EventLine line_kind = line_for(e.kind);
  const std::string shard = std::to_string(e.shard);
  const std::string session = e.session == 0 ? std::string() : std::to_string(e.session);
  line(
      line_kind.level, line_kind.event,
      {{"code", e.code}, {"name", e.name}, {"peer", e.peer}, {"session", session}, {"shard", shard}, {"text", e.text}});
}

void Log::line(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (!spdlog::should_log(spdlog_level(level)) || !admit_line(level)) return;
  std::string text = json_ ? "\"event\":\"" : "";
  text += event;
  if (json_) text += '"';
  for (const Field& field : fields) {
    if (field.value.empty()) continue;
    const std::string value = escaped(field.value.substr(0, kValueBytesMax), json_);
    if (json_) {
      text.append(",\"").append(field.key).append("\":\"").append(value).append("\"");
    } else {
      const bool quoted = value.find(' ') != std::string::npos;
      text.append(" ").append(field.key).append(quoted ? "=\"" : "=").append(value).append(quoted ? "\"" : "");
    }
  }
  spdlog::default_logger_raw()->log(spdlog_level(level), text);
}

// Sampling under flood. The count of what was left out is told with the first line of the next second.
bool Log::admit_line(Level level) {
  static std::atomic<int64_t> second{0};
  static std::atomic<int64_t> lines{0};
  if (level == Level::kError) return true;
  const int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
  int64_t seen = second.load();
  if (seen != now && second.compare_exchange_strong(seen, now)) {
    const int64_t left_out = lines.exchange(0) - kLinesPerSecond;
    if (left_out > 0) line(Level::kError, "lines_left_out", {{"count", std::to_string(left_out)}});
  }
  return lines.fetch_add(1) < kLinesPerSecond;
}

}  // namespace onehop::daemon
