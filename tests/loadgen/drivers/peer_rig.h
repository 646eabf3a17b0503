// Drives Peers as the worker does and writes down what they tell, either over given bytes in any pieces or over a real
// socket. What a Peer tells and answers must not depend on how its bytes were cut.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "loadgen/drivers/driver.h"
#include "loadgen/measure/random.h"

namespace onehop::loadgen::test {

using Lines = std::vector<std::string>;

// Writes down what it is told in lines. A range of outcomes becomes one line for each message.
class Diary : public Inbox {
 public:
  Diary() = default;
  Diary(const Diary&) = delete;
  Diary& operator=(const Diary&) = delete;

  Lines lines;
  Lines told;  // Separate, since outcomes may come together at the end of a read.
  std::function<void()> when_ready = [] {};
  std::function<void(Bytes)> when_message = [this](Bytes payload) {
    lines.push_back("message " + std::string(payload));
  };

  bool ready = false;
  bool ended = false;
  size_t tellings = 0;  // The number of calls of on_told.

  void on_ready(std::string_view server) override {
    EXPECT_FALSE(ready || ended);
    ready = true;
    lines.push_back("ready " + std::string(server));
    when_ready();
  }
  void on_message(Bytes payload, const Incoming&) override {
    EXPECT_TRUE(ready && !ended);
    when_message(payload);
  }
  void on_told(uint64_t first_id, uint64_t last_id, Outcome outcome, std::string_view reason) override {
    EXPECT_TRUE(ready && !ended);
    EXPECT_LE(first_id, last_id);
    ++tellings;
    for (uint64_t id = first_id; id <= last_id; ++id) {
      told.push_back(std::to_string(id) + " " + std::string(client::to_string(outcome)) + (reason.empty() ? "" : " ") +
                     std::string(reason));
    }
  }
  void on_pause(Bytes to, uint32_t) override { lines.push_back("pause " + std::string(to)); }
  void on_resume(Bytes to) override { lines.push_back("resume " + std::string(to)); }
  void on_ended(std::string_view why) override {
    EXPECT_FALSE(ended);
    EXPECT_FALSE(why.empty());
    EXPECT_EQ(why.find('\n'), std::string_view::npos);
    ended = true;
    lines.push_back("ended " + std::string(why));
  }
};

// The number of bytes that arrive next.
using Pieces = std::function<size_t()>;

inline Pieces whole() {
  return [] { return SIZE_MAX; };
}
inline Pieces of_size(size_t size) {
  return [size] { return size; };
}
// There are many short pieces and many long ones.
inline Pieces random_pieces(uint64_t seed) {
  return [random = Random(seed)]() mutable {
    const uint32_t bound = random.below(2) == 0 ? 4 : 60;
    return size_t{1} + random.below(bound);
  };
}

// One connection without a socket. The test plays the server.
struct Conversation {
  explicit Conversation(std::unique_ptr<Peer> its_peer) : peer(std::move(its_peer)) { peer->open(out); }

  std::unique_ptr<Peer> peer;
  Output out;
  Diary diary;
  std::string in;  // Bytes that arrived and that the peer has not taken.

  void arrive(Bytes bytes, const Pieces& pieces = whole()) {
    while (!bytes.empty()) {
      const Bytes piece = bytes.substr(0, pieces());
      bytes.remove_prefix(piece.size());
      in += piece;
      // The copy is exactly as large as the bytes, so that the address sanitizer sees reads beyond them.
      const std::vector<char> exact(in.begin(), in.end());
      const size_t taken = peer->read({exact.data(), exact.size()}, diary, out);
      ASSERT_LE(taken, in.size());
      in.erase(0, taken);
    }
  }
  void send(uint64_t id, Bytes to, Bytes payload) {
    Outgoing message;
    message.to = to;
    message.id = id;
    peer->write_message(out, message, payload);
  }
  // Returns what the peer has written since the last call.
  std::string written() {
    std::string result(out.bytes());
    out.clear();
    return result;
  }
};

// Plays `bytes` to new peers, whole and cut in many ways. Each peer sends `messages` when it is ready. All of them must
// tell and write the same. Returns what they told, and in `written` what they wrote.
inline Lines play(Driver& driver, Bytes bytes, uint64_t messages, std::string& written) {
  Lines expected;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Conversation conversation(driver.make_peer({"amy"}));
    conversation.diary.when_ready = [&] {
      for (uint64_t id = 1; id <= messages; ++id) conversation.send(id, "bob", "payload " + std::to_string(id));
    };
    conversation.arrive(bytes, seed == 0 ? whole() : seed == 1 ? of_size(1) : random_pieces(seed));
    EXPECT_EQ(conversation.in, "");
    Lines lines = conversation.diary.lines;
    lines.insert(lines.end(), conversation.diary.told.begin(), conversation.diary.told.end());
    if (seed == 0) {
      expected = lines;
      written = conversation.written();
    }
    EXPECT_EQ(lines, expected) << "seed " << seed;
    EXPECT_EQ(conversation.written(), seed == 0 ? "" : written) << "seed " << seed;
    if (::testing::Test::HasFailure()) break;
  }
  return expected;
}

// Plays random bytes, and `good` bytes with random changes. The sanitizers watch, and at most `rest_max` bytes may be
// left waiting for more. Returns how many of the conversations were ended.
inline int play_garbage(Driver& driver, const std::string& good, size_t rest_max) {
  int ended = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    Random random(seed);
    std::string bytes = good;
    const uint32_t changes = 1 + random.below(4);
    for (uint32_t change = 0; change < changes; ++change) {
      const size_t at = random.below(static_cast<uint32_t>(bytes.size()));
      const auto byte = static_cast<char>(random.below(256));
      const uint32_t kind = random.below(4);
      if (kind == 0) bytes[at] = byte;
      if (kind == 1) bytes.insert(at, 1 + random.below(3), byte);
      if (kind == 2) bytes.erase(at, 1 + random.below(3));
      if (kind == 3) bytes[at] = static_cast<char>(static_cast<unsigned>(bytes[at]) ^ 1U << random.below(8));
      if (bytes.empty()) bytes = "x";
    }
    if (seed % 3 == 0) {
      for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    }
    Conversation conversation(driver.make_peer({"amy"}));
    conversation.diary.when_ready = [&] { conversation.send(1, "bob", "payload"); };
    conversation.arrive(bytes, random_pieces(seed));
    EXPECT_LE(conversation.in.size(), rest_max) << "seed " << seed;
    if (conversation.diary.ended) ++ended;
  }
  return ended;
}

// One connection to a server on the loopback interface. After a failure it counts as closed.
class SocketPeer {
 public:
  SocketPeer(Driver& driver, PeerOptions options, int fd) : fd_(fd), peer_(driver.make_peer(std::move(options))) {
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
    peer_->open(out);
  }
  SocketPeer(const SocketPeer&) = delete;
  SocketPeer& operator=(const SocketPeer&) = delete;
  ~SocketPeer() { ::close(fd_); }

  Output out;
  Diary diary;

  Peer& peer() { return *peer_; }
  int fd() const { return fd_; }
  bool closed() const { return closed_; }

  void send(uint64_t id, Bytes to, Bytes payload) {
    Outgoing message;
    message.to = to;
    message.id = id;
    peer_->write_message(out, message, payload);
  }

  // Writes and reads as much as is possible now.
  void exchange() {
    if (!out.empty()) {
      const ssize_t size = ::send(fd_, out.bytes().data(), out.size(), MSG_NOSIGNAL);
      if (size > 0) out.consume(static_cast<size_t>(size));
      if (size < 0 && errno != EAGAIN) closed_ = true;
    }
    const size_t before = in_.size();
    in_.resize(before + kReadBytes);
    const ssize_t size = ::recv(fd_, in_.data() + before, kReadBytes, 0);
    in_.resize(before + static_cast<size_t>(size > 0 ? size : 0));
    if (size == 0 || (size < 0 && errno != EAGAIN)) closed_ = true;
    if (size > 0) in_.erase(0, peer_->read(in_, diary, out));
  }

 private:
  static constexpr size_t kReadBytes = 256 << 10;

  const int fd_;
  const std::unique_ptr<Peer> peer_;
  std::string in_;
  bool closed_ = false;
};

// Exchanges bytes until `done`, and calls `write` before each turn. Returns false if nothing moved for 30 s, which no
// healthy server needs.
inline bool run(
    const std::vector<SocketPeer*>& peers, const std::function<bool()>& done,
    const std::function<void()>& write = [] {}) {
  while (!done()) {
    write();
    std::vector<pollfd> polls;
    for (const SocketPeer* peer : peers) {
      if (peer->closed()) continue;
      polls.push_back({peer->fd(), static_cast<short>(POLLIN | (peer->out.empty() ? 0 : POLLOUT)), 0});
    }
    if (polls.empty() || ::poll(polls.data(), polls.size(), 30'000) <= 0) return false;
    for (SocketPeer* peer : peers) {
      if (!peer->closed()) peer->exchange();
    }
  }
  return true;
}

}  // namespace onehop::loadgen::test
