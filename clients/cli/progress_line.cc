// See the header.
#include "cli/progress_line.h"

#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <utility>

namespace onehop::cli {
namespace {

constexpr uint64_t kFirstMs = 1'000;
constexpr uint64_t kBetweenMs = 500;
// To the beginning of the line, whose rest is erased.
constexpr const char* kErase = "\r\x1b[K";

}  // namespace

ProgressLine::ProgressLine(reactor::Loop& loop, std::function<Counts()> counts)
    : loop_(loop), counts_(std::move(counts)), next_(loop, [this] { show(); }) {}

void ProgressLine::begin(const char* reached) {
  if (isatty(STDERR_FILENO) == 0) return;
  reached_name_ = reached;
  began_ms_ = shown_ms_ = loop_.now_ms();
  next_.arm_at(began_ms_ + kFirstMs);
}

// The rate counts the messages that got their outcome since the line was last written.
void ProgressLine::show() {
  const Counts counts = counts_();
  const uint64_t now_ms = loop_.now_ms();
  const uint64_t done = counts.reached + counts.failed;
  const uint64_t rate = (done - shown_done_) * 1'000 / (now_ms > shown_ms_ ? now_ms - shown_ms_ : 1);
  std::fprintf(stderr, "%s%" PRIu64 " sent, %" PRIu64 " %s, %" PRIu64 " failed, %" PRIu64 "/s", kErase, counts.sent,
               counts.reached, reached_name_, counts.failed, rate);
  visible_ = true;
  shown_ms_ = now_ms;
  shown_done_ = done;
  next_.arm_at(now_ms + kBetweenMs);
}

void ProgressLine::hide() {
  if (std::exchange(visible_, false)) std::fputs(kErase, stderr);
}

void ProgressLine::end() {
  next_.disarm();
  hide();
}

}  // namespace onehop::cli
