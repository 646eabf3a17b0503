// The last word reaches a peer that was still sending, within bounds of time and number.
#include "reactor/lingering_close.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "connections.h"

namespace onehop::reactor {
namespace {

constexpr char kGoodbye[] = "goodbye";
// A time limit that even a very slow machine does not reach.
constexpr uint64_t kNeverMs = 3'600'000;
// More than the peer's kernel takes while the peer does not read, less than ours keeps for it.
const std::string kOutput(256 * 1024, 'o');

// A connection whose broker end has written its goodbye behind other output, part of which is still in its kernel, and
// has bytes from the peer that it will never read.
Ends ended_with_goodbye(Loop& loop) {
  ListenOptions large;
  large.send_buffer_bytes = 4 << 20;  // The kernel grants what it may.
  Ends ends = tcp_ends(loop, large);
  write_all(ends.theirs, "still talking");
  char first;
  turn_until(loop, [&] { return ::recv(ends.ours.get(), &first, 1, MSG_PEEK) == 1; });
  write_all(ends.ours, kOutput + kGoodbye);
  return ends;
}

TEST(LingeringClose, APlainCloseDestroysTheGoodbye) {
  Loop loop;
  Ends ends = ended_with_goodbye(loop);
  ends.ours.reset();
  int error;
  const std::string arrived = read_to_end(ends.theirs, error);
  EXPECT_LT(arrived.size(), kOutput.size());
  EXPECT_EQ(ECONNRESET, error);
}

TEST(LingeringClose, TheGoodbyeArrivesAlthoughThePeerWasSending) {
  Loop loop;
  LingeringClose lingering(loop);
  Ends ends = ended_with_goodbye(loop);
  const int number = ends.ours.get();
  lingering.take(std::move(ends.ours));
  write_all(ends.theirs, std::string(100'000, 'x'));
  for (int i = 0; i < 20; ++i) loop.turn();
  write_all(ends.theirs, "and on");
  int error;
  EXPECT_TRUE(read_to_end(ends.theirs, error) == kOutput + kGoodbye);
  EXPECT_EQ(0, error);
  EXPECT_EQ(1u, lingering.size());
  EXPECT_TRUE(is_open(number));
  ends.theirs.reset();
  turn_until(loop, [&] { return lingering.size() == 0; });
  EXPECT_FALSE(is_open(number));
}

// Words that the kernel does not have yet, handed out in odd pieces. Tells when it goes.
struct Words final : LastWords {
  Words(std::string text, bool& gone) : rest(std::move(text)), is_gone(gone) {}
  ~Words() override { is_gone = true; }
  std::string_view unwritten() const override { return std::string_view(rest).substr(0, 7'777); }
  void on_written(size_t size) override { rest.erase(0, size); }
  std::string rest;
  bool& is_gone;
};

TEST(LingeringClose, WritesLastWordsBeforeItsSideEnds) {
  for (const bool peer_ends_first : {false, true}) {
    Loop loop;
    LingeringClose lingering(loop, kNeverMs);
    ListenOptions narrow;
    narrow.send_buffer_bytes = 4 << 10;
    Ends ends = tcp_ends(loop, narrow);
    const int number = ends.ours.get();
    bool gone = false;
    const std::string much = std::string(8 << 20, 'w') + kGoodbye;  // More than both kernels take.
    write_all(ends.theirs, "still talking");
    if (peer_ends_first) ::shutdown(ends.theirs.get(), SHUT_WR);
    lingering.take(std::move(ends.ours), std::make_unique<Words>(much, gone));
    EXPECT_FALSE(gone);
    // It waits for the socket to take more, and does not spin on the end of the other side.
    turn_until(loop, [&] { return would_sleep(loop); });
    EXPECT_EQ(1u, lingering.size());
    std::string arrived;
    char buffer[16 * 1024];
    turn_until(loop, [&] {
      for (ssize_t size; (size = ::recv(ends.theirs.get(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0;) {
        arrived.append(buffer, static_cast<size_t>(size));
      }
      return arrived.size() >= much.size();
    });
    EXPECT_TRUE(arrived == much);
    int error;
    turn_until(loop, [&] { return gone; });
    EXPECT_EQ("", read_to_end(ends.theirs, error));
    EXPECT_EQ(0, error);
    if (!peer_ends_first) {
      EXPECT_TRUE(is_open(number));
      ends.theirs.reset();
    }
    turn_until(loop, [&] { return lingering.size() == 0; });
    EXPECT_FALSE(is_open(number));
  }
}

TEST(LingeringClose, LastWordsThatNobodyTakesGoAtTheDeadline) {
  Loop loop;
  LingeringClose lingering(loop, 30);
  Ends deaf = unix_ends(), gone_before = unix_ends(), quick = unix_ends();
  bool deaf_gone = false, broken_gone = false, quick_gone = false;
  lingering.take(std::move(deaf.ours), std::make_unique<Words>(std::string(8 << 20, 'w'), deaf_gone));
  gone_before.theirs.reset();
  lingering.take(std::move(gone_before.ours), std::make_unique<Words>("nobody hears", broken_gone));
  EXPECT_TRUE(broken_gone);
  lingering.take(std::move(quick.ours), std::make_unique<Words>("a word", quick_gone));
  EXPECT_TRUE(quick_gone) << "it is in the kernel's hands at once";
  EXPECT_EQ(2u, lingering.size());
  EXPECT_FALSE(deaf_gone);
  turn_until(loop, [&] { return lingering.size() == 0; });
  EXPECT_TRUE(deaf_gone);
  int error;
  EXPECT_EQ("a word", read_to_end(quick.theirs, error));
}

TEST(LingeringClose, EndsAtTheDeadlineWithAPeerThatNeverEnds) {
  Loop loop;
  LingeringClose lingering(loop, 30);
  Ends silent = ended_with_goodbye(loop), talking = ended_with_goodbye(loop);
  const uint64_t start = loop.now_ms();
  lingering.take(std::move(silent.ours));
  lingering.take(std::move(talking.ours));
  turn_until(loop, [&] {
    ::send(talking.theirs.get(), "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    return lingering.size() == 0;
  });
  EXPECT_GE(loop.now_ms(), start + 30);
}

TEST(LingeringClose, SweepsAllThatAreDue) {
  Loop loop;
  LingeringClose lingering(loop, 20);
  std::vector<Ends> connections;
  for (int i = 0; i < 5; ++i) {  // Their deadlines differ, so that the first sweep cannot end them all.
    connections.push_back(unix_ends());
    lingering.take(std::move(connections.back().ours));
    turn_until(loop, [&, now = loop.now_ms()] { return loop.now_ms() > now; });
  }
  turn_until(loop, [&] { return lingering.size() == 0; });
  int error;
  for (const Ends& ends : connections) read_to_end(ends.theirs, error);  // Each has ended.
}

TEST(LingeringClose, TheLongestLingeringMakesRoom) {
  Loop loop;
  LingeringClose lingering(loop, 60'000, 2);
  Ends first = unix_ends(), second = unix_ends(), third = unix_ends();
  const int closed = first.ours.get(), kept = second.ours.get();
  lingering.take(std::move(first.ours));
  lingering.take(std::move(second.ours));
  lingering.take(std::move(third.ours));
  EXPECT_EQ(2u, lingering.size());
  EXPECT_FALSE(is_open(closed));
  EXPECT_TRUE(is_open(kept));
}

TEST(LingeringClose, DoesNotWaitForWhoIsGone) {
  Loop loop;
  LingeringClose lingering(loop, 3'600'000);
  const linger reset{1, 0};
  for (const bool gone_before : {true, false}) {
    Ends ends = tcp_ends(loop);
    ::setsockopt(ends.theirs.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (!gone_before) lingering.take(std::move(ends.ours));
    write_all(ends.theirs, std::string(100'000, 'x'));  // More than one turn reads: the reset is met after bytes.
    ends.theirs.reset();
    if (gone_before) lingering.take(std::move(ends.ours));
    turn_until(loop, [&] { return lingering.size() == 0; });
  }
}

}  // namespace
}  // namespace onehop::reactor
