// One connection on a loop: bytes, interest, errors, and the two-step end.
#include "reactor/socket.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>

#include "connections.h"

namespace onehop::reactor {
namespace {

using Status = IoResult::Status;

iovec piece(std::string& bytes) {
  return {bytes.data(), bytes.size()};
}

std::string receive_some(Socket& socket) {
  char buffer[64 * 1024];
  const IoResult result = socket.receive(buffer);
  return std::string(buffer, result.bytes);
}

class SocketOn : public testing::TestWithParam<const char*> {
 protected:
  // Null, with the reason told, where the machine has no such sockets.
  static Ends ends(Loop& loop) {
    const std::string kind = GetParam();
    if (kind == "unix") return unix_ends();
    return tcp_ends(loop, {}, kind == "ipv4" ? "tcp://127.0.0.1:0" : "tcp://[::1]:0");
  }
};

TEST_P(SocketOn, EchoesAndSeesTheEnd) {
  if (GetParam() == std::string("ipv6") && !ipv6_is_available()) GTEST_SKIP() << "this machine has no IPv6 loopback";
  Loop loop;
  Ends pair = ends(loop);
  Calls calls;
  bool ended = false;
  calls.readable = [&](Socket& socket) {
    char buffer[100];
    const IoResult result = socket.receive(buffer);
    if (result.status == Status::kEndOfStream) {
      ended = true;
      socket.close();
      return;
    }
    ASSERT_TRUE(result.transferred());
    const iovec echo{buffer, result.bytes};
    EXPECT_EQ(result.bytes, socket.send(&echo, 1).bytes);
  };
  TestSocket ours(loop, calls, std::move(pair.ours));
  ours.socket.set_reading(true);
  write_all(pair.theirs, "what comes in goes out");
  ::shutdown(pair.theirs.get(), SHUT_WR);
  turn_until(loop, [&] { return calls.closed == 1; });
  EXPECT_TRUE(ended);
  int error;
  EXPECT_EQ("what comes in goes out", read_to_end(pair.theirs, error));
}

INSTANTIATE_TEST_SUITE_P(Every, SocketOn, testing::Values("ipv4", "ipv6", "unix"),
                         [](const auto& kind) { return std::string(kind.param); });

TEST(Socket, GathersAndReportsPartialSends) {
  Loop loop;
  ListenOptions small;
  small.send_buffer_bytes = 4096;
  Ends ends = tcp_ends(loop, small);
  Calls calls;
  std::string head = "head,", body(1 << 20, 'b');
  size_t sent = 0;
  bool refused = false;
  const auto send_rest = [&](Socket& socket) {
    std::string rest = (head + body).substr(sent);
    iovec pieces[2] = {{rest.data(), std::min<size_t>(rest.size(), 5)}, {}};
    pieces[1] = {rest.data() + pieces[0].iov_len, rest.size() - pieces[0].iov_len};
    const IoResult result = socket.send(pieces, 2);
    ASSERT_NE(Status::kError, result.status);
    refused |= result.bytes < rest.size();
    sent += result.bytes;
    socket.want_writable(sent < head.size() + body.size());
    if (sent == head.size() + body.size()) socket.shutdown_write();
  };
  calls.writable = send_rest;
  TestSocket ours(loop, calls, std::move(ends.ours));
  std::string arrived;
  std::thread reader([&] {
    int error;
    arrived = read_to_end(ends.theirs, error);
  });
  send_rest(ours.socket);
  turn_until(loop, [&] { return sent == head.size() + body.size(); });
  reader.join();
  EXPECT_TRUE(refused) << "the buffers were too large for this test to mean anything";
  EXPECT_TRUE(arrived == head + body);
}

TEST(Socket, SaysWouldBlockWhenNothingIsThere) {
  Loop loop;
  Ends ends = unix_ends();
  Calls calls;
  TestSocket ours(loop, calls, std::move(ends.ours));
  char buffer[10];
  EXPECT_TRUE(ours.socket.receive(buffer).would_block());
}

TEST(Socket, IsSilentWhileReadingIsOff) {
  Loop loop;
  Ends ends = unix_ends();
  Calls calls;
  std::string arrived;
  calls.readable = [&](Socket& socket) { arrived += receive_some(socket); };
  TestSocket ours(loop, calls, std::move(ends.ours));
  ours.socket.set_reading(true);
  ours.socket.set_reading(false);
  write_all(ends.theirs, "kept back");
  for (int i = 0; i < 10; ++i) loop.turn();
  EXPECT_EQ("", arrived);
  ours.socket.set_reading(true);
  turn_until(loop, [&] { return !arrived.empty(); });
  EXPECT_EQ("kept back", arrived);

  // The same from within the callback, where the change takes effect when it returns.
  calls.readable = [&](Socket& socket) {
    arrived += receive_some(socket);
    socket.set_reading(false);
  };
  write_all(ends.theirs, "|first");
  turn_until(loop, [&] { return arrived == "kept back|first"; });
  write_all(ends.theirs, "|second");
  for (int i = 0; i < 10; ++i) loop.turn();
  EXPECT_EQ("kept back|first", arrived);
  EXPECT_FALSE(ours.socket.reading());
  ours.socket.set_reading(true);
  turn_until(loop, [&] { return arrived == "kept back|first|second"; });
}

// Stopping to read must not leave an event behind that comes back every turn: the loop would never sleep.
TEST(Socket, DoesNotKeepTheLoopAwakeWhileReadingIsOff) {
  Loop loop;
  Ends ends = unix_ends();
  Calls calls;
  TestSocket ours(loop, calls, std::move(ends.ours));
  ours.socket.set_reading(true);
  loop.turn();
  ours.socket.set_reading(false);
  write_all(ends.theirs, "x");
  loop.turn();  // The one spurious wake that a lazy stop may cost.
  EXPECT_TRUE(would_sleep(loop));
  ours.socket.set_reading(true);
  EXPECT_FALSE(would_sleep(loop));
}

TEST(Socket, WantsToWriteOnlyAsLongAsAsked) {
  Loop loop;
  Ends ends = unix_ends();
  Calls calls;
  int writable = 0;
  calls.writable = [&](Socket& socket) {
    if (++writable == 3) socket.want_writable(false);
  };
  TestSocket ours(loop, calls, std::move(ends.ours));
  ours.socket.want_writable(true);
  turn_until(loop, [&] { return writable == 3; });
  for (int i = 0; i < 10; ++i) loop.turn();
  EXPECT_EQ(3, writable);
}

TEST(Socket, AResetIsAnErrorAfterTheBytesBeforeIt) {
  Loop loop;
  Ends ends = tcp_ends(loop);
  Calls calls;
  std::string arrived;
  int error = 0;
  calls.readable = [&](Socket& socket) {
    char byte[1];  // So that the error is met several events after libuv has seen it.
    const IoResult result = socket.receive(byte);
    if (result.transferred()) {
      arrived += byte[0];
      return;
    }
    error = result.error;
    socket.close();
  };
  TestSocket ours(loop, calls, std::move(ends.ours));
  write_all(ends.theirs, "last words");
  const linger reset{1, 0};
  ::setsockopt(ends.theirs.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  ends.theirs.reset();
  ours.socket.set_reading(true);
  turn_until(loop, [&] { return error != 0; });
  EXPECT_EQ("last words", arrived);
  EXPECT_EQ(ECONNRESET, error);
}

TEST(Socket, SendingToWhoIsGoneIsAnErrorAndNoSignal) {
  Loop loop;
  Ends ends = unix_ends();
  ends.theirs.reset();
  Calls calls;
  TestSocket ours(loop, calls, std::move(ends.ours));
  std::string bytes = "x";
  const iovec one = piece(bytes);
  const IoResult result = ours.socket.send(&one, 1);
  EXPECT_EQ(Status::kError, result.status);
  EXPECT_EQ(EPIPE, result.error);
}

TEST(Socket, CloseWithinACallbackEndsTheCallbacks) {
  Loop loop;
  Ends ends = unix_ends();
  Calls calls;
  int writable = 0;
  calls.readable = [](Socket& socket) { socket.close(); };
  calls.writable = [&](Socket&) { ++writable; };
  TestSocket ours(loop, calls, std::move(ends.ours));
  write_all(ends.theirs, "x");
  ours.socket.set_reading(true);
  ours.socket.want_writable(true);
  turn_until(loop, [&] { return calls.closed == 1; });
  EXPECT_EQ(0, writable);
  EXPECT_FALSE(ours.socket.is_open());
}

TEST(Socket, MayBeOpenedAgain) {
  Loop loop;
  Calls calls;
  std::string arrived;
  calls.readable = [&](Socket& socket) { arrived += receive_some(socket); };
  Ends first = unix_ends(), second = unix_ends();
  TestSocket ours(loop, calls, std::move(first.ours));
  ours.socket.close();
  turn_until(loop, [&] { return calls.closed == 1; });
  ASSERT_EQ(0, ours.socket.open(std::move(second.ours)));
  EXPECT_FALSE(ours.socket.reading());
  ours.socket.set_reading(true);
  write_all(second.theirs, "again");
  turn_until(loop, [&] { return arrived == "again"; });
}

// Both sockets are ready in one turn. The first to be called closes the other and opens a newcomer, which gets the
// closed one's number: the event that waits for that number must not reach it.
TEST(Socket, AStaleEventDoesNotReachTheNextOwnerOfTheNumber) {
  Loop loop;
  Ends first = unix_ends(), second = unix_ends(), newcomer = unix_ends();
  Calls calls, newcomer_calls;
  TestSocket one(loop, calls, std::move(first.ours)), two(loop, calls, std::move(second.ours));
  std::unique_ptr<TestSocket> three;
  int newcomer_events = 0;
  newcomer_calls.readable = [&](Socket&) { ++newcomer_events; };
  calls.readable = [&](Socket& called) {
    Socket& other = &called == &one.socket ? two.socket : one.socket;
    const int number = other.fd();
    other.close();
    ASSERT_EQ(number, ::dup2(newcomer.ours.get(), number));
    three = std::make_unique<TestSocket>(loop, newcomer_calls, Fd(number));
    three->socket.set_reading(true);
    called.set_reading(false);
  };
  write_all(first.theirs, "x");
  write_all(second.theirs, "x");
  one.socket.set_reading(true);
  two.socket.set_reading(true);
  for (int i = 0; i < 10; ++i) loop.turn();
  ASSERT_NE(nullptr, three);
  EXPECT_EQ(1, calls.closed);
  EXPECT_EQ(0, newcomer_events);
}

TEST(Socket, ReleaseKeepsTheConnectionAlive) {
  Loop loop;
  Ends ends = unix_ends();
  Calls calls;
  TestSocket ours(loop, calls, std::move(ends.ours));
  ours.socket.set_reading(true);
  loop.turn();
  write_all(ends.theirs, "before");
  const Fd released = ours.socket.release();
  EXPECT_FALSE(ours.socket.is_open());
  char buffer[6];
  EXPECT_EQ(6, ::recv(released.get(), buffer, sizeof buffer, 0));
  turn_until(loop, [&] { return calls.closed == 1; });
  EXPECT_EQ(6, ::send(released.get(), "after.", 6, MSG_NOSIGNAL));
}

TEST(Socket, HeldItIsUsedWithoutTheLoopAndMayLeave) {
  Loop loop;
  Ends ends = unix_ends();
  Calls calls;
  calls.readable = [](Socket&) { ADD_FAILURE() << "nobody watches it"; };
  Socket ours(loop, calls);
  write_all(ends.theirs, "early");
  ours.hold(std::move(ends.ours));
  ours.set_reading(true);
  EXPECT_EQ("early", receive_some(ours));
  std::string bytes = "answer";
  const iovec one = piece(bytes);
  EXPECT_EQ(bytes.size(), ours.send(&one, 1).bytes);
  write_all(ends.theirs, "more");
  loop.turn();
  Fd traveller = ours.release();
  EXPECT_EQ(1, calls.closed) << "at once, since the loop never knew it";
  EXPECT_FALSE(ours.is_open());
  ends.theirs.reset();
  int error = 0;
  EXPECT_EQ("more", read_to_end(traveller, error));
}

TEST(Socket, HeldItTakesUpWhatWasAskedForWhenItIsWatched) {
  Loop loop;
  Ends ends = unix_ends();
  Calls calls;
  std::string arrived;
  calls.readable = [&](Socket& socket) { arrived += receive_some(socket); };
  Socket ours(loop, calls);
  ours.hold(std::move(ends.ours));
  ours.set_reading(true);
  write_all(ends.theirs, "bytes");
  loop.turn();
  EXPECT_EQ("", arrived);
  ASSERT_EQ(0, ours.watch());
  turn_until(loop, [&] { return arrived == "bytes"; });
  ours.close();
  turn_until(loop, [&] { return calls.closed == 1; });
}

TEST(Socket, SaysWhyItCannotBeOpened) {
  Loop loop;
  Calls calls;
  Socket socket(loop, calls);
  Fd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const int number = file.get();
  EXPECT_EQ(EPERM, socket.open(std::move(file)));
  EXPECT_FALSE(is_open(number));
  EXPECT_FALSE(socket.is_open());
}

}  // namespace
}  // namespace onehop::reactor
