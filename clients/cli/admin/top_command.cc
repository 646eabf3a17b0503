// `onehop top`: the broker and its busiest clients, live on a terminal, else once.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <iterator>
#include <thread>

#include "cli/admin/commands.h"
#include "cli/admin/terminal.h"
#include "cli/admin/top_screen.h"
#include "cli/diagnostics.h"

namespace onehop::cli {
namespace {

// For a screen that may be of any length.
constexpr size_t kAllRows = SIZE_MAX;

using Clock = std::chrono::steady_clock;

class Top {
 public:
  Top(const AdminOptions& options, AdminPort& port)
      : options_(options),
        port_(port),
        interval_(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.interval))) {
    const auto* found = std::find(std::begin(kSortOrders), std::end(kSortOrders), options.sort);
    if (found != std::end(kSortOrders)) order_ = static_cast<size_t>(found - std::begin(kSortOrders));
  }

  ExitCode print_once() {
    TopSample before;
    TopSample now;
    if (const ExitCode code = sample(options_.limit, before)) return fail(code);
    std::this_thread::sleep_for(interval_);
    if (const ExitCode code = sample(options_.limit, now)) return fail(code);
    for (const std::string& line : top_screen(before, now, title(), kSortOrders[order_], kAllRows))
      std::printf("%s\n", line.c_str());
    return kSuccess;
  }

  // The first sample decides whether there is anything to look at; later ones may fail, and are tried again.
  ExitCode run() {
    TopSample before;
    if (const ExitCode code = sample(1, before)) return fail(code);
    Terminal terminal;
    port_.gives_up = [&terminal] { return terminal.end_is_wanted(); };
    TopSample now = before;
    // The first rates are of a short while: there is something to see at once.
    while (!terminal.end_is_wanted()) {
      const auto next = Clock::now() + interval_;
      const auto rows = rows_of(terminal);
      TopSample fresh;
      const bool taken = sample(std::min(options_.limit, rows), fresh) == kSuccess;
      if (taken) {
        before = std::move(now);
        now = std::move(fresh);
      }
      if (!terminal.draw(screen(before, now, taken, rows_of(terminal)))) break;
      if (!wait(terminal, before, now, taken, next)) break;
    }
    port_.gives_up = nullptr;
    return kSuccess;
  }

 private:
  // Until then, or until another order is wanted. False: the end is.
  bool wait(Terminal& terminal, const TopSample& before, const TopSample& now, bool taken, Clock::time_point until) {
    while (!terminal.end_is_wanted() && Clock::now() < until) {
      const char key = terminal.wait_for_key(until);
      if (key == 's') {
        order_ = (order_ + 1) % std::size(kSortOrders);
        return true;
      }
      // Nothing was pressed and it is not time: its size may be another one.
      const bool disturbed = key == '\0' && Clock::now() < until;
      if (disturbed && !terminal.draw(screen(before, now, taken, rows_of(terminal)))) return false;
    }
    return !terminal.end_is_wanted();
  }

  static size_t rows_of(const Terminal& terminal) { return static_cast<size_t>(std::max(1, terminal.rows())); }

  ExitCode sample(uint64_t clients_max, TopSample& to) {
    const AdminAnswer answer = port_.get("/api/v1/counters");
    to.at = Clock::now();
    if (!answer.is_fine()) return note(exit_code_of(answer), describe(answer, port_));
    auto counters = read_counters(answer.body);
    if (!counters) return note(kCannotConnect, describe_unreadable(port_));
    to.counters = std::move(*counters);
    ClientsPage page = ask_for_clients(port_, options_, kSortOrders[order_], clients_max);
    if (page.code != kSuccess) return note(page.code, page.error);
    to.clients = std::move(page.told);
    return kSuccess;
  }

  ExitCode note(ExitCode code, std::string error) {
    error_ = std::move(error);
    return code;
  }
  ExitCode fail(ExitCode code) const {
    write_error(false, error_);
    return code;
  }

  std::string title() const {
    char clock[16];
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    std::strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &parts));
    return "onehop top  " + port_.address() + "  " + clock + "  by " + kSortOrders[order_];
  }

  std::vector<std::string> screen(const TopSample& before, const TopSample& now, bool taken, size_t rows) const {
    auto lines = top_screen(before, now, title() + "  (s: next order, q: quit)", kSortOrders[order_], rows);
    // In the place of the empty line.
    const auto place = std::find(lines.begin(), lines.end(), "");
    if (!taken && place != lines.end()) *place = "!! " + error_ + "; trying again";
    return lines;
  }

  const AdminOptions& options_;
  AdminPort& port_;
  const Clock::duration interval_;
  size_t order_ = 0;
  std::string error_;
};

}  // namespace

ExitCode run_top(const AdminOptions& options, AdminPort& port) {
  Top top(options, port);
  return options.once || !Terminal::is_there() ? top.print_once() : top.run();
}

}  // namespace onehop::cli
