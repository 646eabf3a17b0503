// See the header. ANSI sequences and termios.
#include "cli/admin/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace onehop::cli {
namespace {

// Another screen than the shell's, without a cursor; and back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kRestOfLine = "\x1b[K";
constexpr std::string_view kRestOfScreen = "\x1b[J";
constexpr int kEnding[] = {SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t signalled = 0;

void on_signal(int signal) {
  if (signal != SIGWINCH) signalled = 1;
}

// Without SA_RESTART: what waits is to look.
void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

bool write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = write(STDOUT_FILENO, text.data(), text.size());
    if (size < 0 && errno != EINTR) return false;
    if (size > 0) text.remove_prefix(static_cast<size_t>(size));
  }
  return true;
}

winsize size_of_terminal() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {24, 80, 0, 0};
  return size;
}

}  // namespace

bool Terminal::is_there() {
  const char* kind = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && kind != nullptr && std::string_view(kind) != "dumb";
}

Terminal::Terminal() {
  for (const int signal : kEnding) handle(signal, on_signal);
  handle(SIGWINCH, on_signal);
  has_keys_ = isatty(STDIN_FILENO) != 0 && tcgetattr(STDIN_FILENO, &before_) == 0;
  if (has_keys_) {
    termios keys = before_;
    keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    // Stopped by ^Z it would leave the terminal as it is.
    keys.c_cc[VSUSP] = _POSIX_VDISABLE;
    keys.c_cc[VMIN] = 1;
    keys.c_cc[VTIME] = 0;
    has_keys_ = tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
  }
  write_all(kEnter);
}

Terminal::~Terminal() {
  write_all(kLeave);
  if (has_keys_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  for (const int signal : kEnding) handle(signal, SIG_DFL);
  handle(SIGWINCH, SIG_DFL);
}

int Terminal::columns() const {
  return size_of_terminal().ws_col;
}

int Terminal::rows() const {
  return size_of_terminal().ws_row;
}

bool Terminal::draw(const std::vector<std::string>& lines) const {
  const winsize size = size_of_terminal();
  std::string out(kHome);
  for (size_t i = 0; i < std::min<size_t>(lines.size(), size.ws_row); ++i) {
    // No newline behind the last line: it would scroll.
    if (i != 0) out += "\r\n";
    out.append(lines[i], 0, size.ws_col);
    // Behind a full line the cursor still stands on its last character.
    if (lines[i].size() < size.ws_col) out += kRestOfLine;
  }
  if (lines.size() < size.ws_row) out.append("\r\n").append(kRestOfScreen);
  return write_all(out);
}

char Terminal::wait_for_key(std::chrono::steady_clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  if (key_ == '\0') read_key(static_cast<int>(std::max<int64_t>(0, left.count())));
  return std::exchange(key_, '\0');
}

bool Terminal::end_is_wanted() {
  read_key(0);
  return signalled != 0 || quit_;
}

void Terminal::read_key(int wait_ms) {
  pollfd keys{has_keys_ ? STDIN_FILENO : -1, POLLIN, 0};
  if (::poll(&keys, 1, wait_ms) <= 0 || keys.revents == 0) return;
  char key = '\0';
  const bool ended = ::read(STDIN_FILENO, &key, 1) != 1;
  if (ended || key == 'q') {
    quit_ = true;
  } else {
    key_ = key;
  }
}

}  // namespace onehop::cli
