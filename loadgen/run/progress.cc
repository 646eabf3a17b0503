// See the header.
#include "loadgen/run/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "loadgen/measure/quantity.h"
#include "loadgen/run/metrics_text.h"

namespace onehop::loadgen {
namespace {

constexpr size_t kUsualWidth = 80;

// The width is asked for each time, since windows change their size.
size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : kUsualWidth;
}

// Counts characters and not bytes, since "µ" has two bytes and takes one place.
std::string first_places(const std::string& text, size_t places) {
  size_t at = 0;
  for (; at < text.size(); ++at) {
    const bool begins = (text[at] & 0xC0) != 0x80;
    if (begins && places-- == 0) break;
  }
  return text.substr(0, at);
}

}  // namespace

Progress::Progress(const Settings& settings, bool quiet)
    : settings_(settings), quiet_(quiet), on_terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  end_line();
}

void Progress::end_line() {
  if (!std::exchange(line_open_, false)) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

void Progress::on_connecting(uint32_t clients) {
  show("connecting " + print_count(clients) + " clients to " + settings_.target);
}

void Progress::on_started(double wait_s) {
  if (wait_s > 1) say("everybody is connected; the run begins in " + print_duration(wait_s * 1e9));
}

void Progress::on_second(const Second& second, double left_s) {
  char line[256];
  const auto print = [](uint64_t ns) { return print_duration(static_cast<double>(ns)); };
  std::string text;
  std::snprintf(line, sizeof line, "%4.0f s", second.at_s + 1);
  text += line;
  if (settings_.workload == Workload::kStorm || second.opened != 0) {
    text += "  " + print_count(second.opened) + " connected/s";
  }
  if (second.sent + second.delivered + second.in_flight != 0) {
    text += "  " + print_count(second.sent) + " sent/s  " + print_count(second.delivered) + " delivered/s";
    if (!second.latency.empty()) {
      text += "  p50 " + print(second.latency.quantile(0.5)) + "  p99 " + print(second.latency.quantile(0.99)) +
              "  max " + print(second.latency.max());
    }
    text += "  " + print_count(second.in_flight) + " in flight";
  }
  if (second.told_otherwise != 0) text += "  " + print_count(second.told_otherwise) + " NOT DELIVERED";
  std::snprintf(line, sizeof line, "  %.0f s left", left_s);
  show(left_s < 0 ? text : text + line);
}

void Progress::on_draining(uint64_t in_flight) {
  show("waiting for what became of " + print_count(in_flight) + " messages");
}

void Progress::on_live(const Live& live) {
  if (metrics_) metrics_->set_text(to_metrics(live, settings_));
}

bool Progress::serve_metrics(std::string& error) {
  if (settings_.scenario.metrics.empty()) return true;
  metrics_ = MetricsServer::open(settings_.scenario.metrics, metrics_before(settings_), error);
  if (!metrics_) return false;
  std::fprintf(stderr, "metrics on %s\n", metrics_->address().c_str());
  return true;
}

void Progress::show(const std::string& line) {
  if (quiet_) return;
  if (on_terminal_) {
    // A line that wraps cannot be replaced, since only its last row would be erased.
    std::fprintf(stderr, "\r\x1b[K%s", first_places(line, terminal_width() - 1).c_str());
    line_open_ = true;
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fflush(stderr);
}

void Progress::say(const std::string& line) {
  if (quiet_) return;
  end_line();
  std::fprintf(stderr, "%s\n", line.c_str());
  std::fflush(stderr);
}

}  // namespace onehop::loadgen
