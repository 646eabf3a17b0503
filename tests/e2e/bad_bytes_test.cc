// Every row of docs/wire.md's table of bad bytes, sent to a live onehopd with two shards while a hundred other clients
// exchange messages. For each: the goodbye's code as the peer receives it although it goes on sending, one log line,
// the close; and in the end, that the others lost nothing.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "bad_bytes_rows.h"
#include "bystanders.h"
#include "server_test/child_process.h"
#include "server_test/log_line.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

class BadBytes : public testing::Test {
 protected:
  // Ends one connection as a row says; remembers what the log must say of it.
  void expect_goodbye(RawClient& peer, v1::Code code, const std::string& text) {
    const v1::Goodbye goodbye = peer.read_goodbye();
    EXPECT_EQ(code, goodbye.code()) << v1::Code_Name(goodbye.code()) << ": " << goodbye.text();
    EXPECT_FALSE(goodbye.text().empty());
    EXPECT_NE(std::string::npos, goodbye.text().find(text)) << goodbye.text();
    EXPECT_EQ(RawClient::End::kOrderly, peer.end()) << "a reset destroys what was said before";
    expected_lines_.emplace(peer.local_address(), v1::Code_Name(code).substr(std::string("CODE_").size()));
  }

  // The row's bytes at once, and garbage without end behind them until the broker has closed.
  void send_at_once(const BadRow& row) {
    RawClient peer(broker_.address());
    if (row.connected) peer.connect("");
    peer.send_bytes(row.bytes + garbage_);
    for (int i = 0; i < 64 && peer.end() == RawClient::End::kNot; ++i) {
      peer.send_bytes(garbage_);
      peer.gather();
    }
    expect_goodbye(peer, row.code, row.text);
  }

  // The row's bytes one by one, each a segment of its own.
  void send_byte_by_byte(const BadRow& row) {
    RawClient peer(broker_.address());
    if (row.connected) peer.connect("");
    for (const char byte : row.bytes) peer.send_bytes({&byte, 1});
    expect_goodbye(peer, row.code, row.text);
  }

  // The broker ends; its log has one line for each peer, with its code, and no other about any peer.
  void expect_one_line_each() {
    broker_.send_signal(SIGTERM);
    EXPECT_EQ(0, broker_.wait());
    std::map<std::string, std::vector<std::string>> codes;  // By peer.
    for (const std::string& text : broker_.errors()) {
      const auto line = parse_log_line(text);
      ASSERT_TRUE(line) << text;
      if (line->contains("peer")) codes[value_of(*line, "peer")].push_back(value_of(*line, "code"));
    }
    std::map<std::string, std::vector<std::string>> expected;
    for (const auto& [peer, code] : expected_lines_) expected[peer].push_back(code);
    EXPECT_EQ(expected, codes);
  }

  void expect_nothing_lost() {
    bystanders_.wait_for_rounds(10);
    const Bystanders::Report report = bystanders_.finish();
    EXPECT_EQ(report.sent, report.received);
    EXPECT_GE(report.received, 10 * Bystanders::kClients);
    for (const std::string& problem : report.problems) ADD_FAILURE() << problem;
  }

  Onehopd broker_{{"--shards", "2"}};
  Bystanders bystanders_{broker_.address()};
  const std::string garbage_ = std::string(16 << 10, '\xA5');
  std::multimap<std::string, std::string> expected_lines_;  // Peer and code; ports may come twice.
};

TEST_F(BadBytes, EveryRow) {
  for (const BadRow& row : bad_rows()) {
    SCOPED_TRACE(row.name);
    send_at_once(row);
    if (row.bytes.size() <= 512) send_byte_by_byte(row);
    if (HasFailure()) break;
  }
  expect_nothing_lost();
  expect_one_line_each();
}

// No complete Connect by the deadline of 5 s, and a frame that is begun and not finished within 30 s. All at once, so
// that the test takes as long as the longest.
TEST_F(BadBytes, Deadlines) {
  std::deque<RawClient> connecting;
  std::deque<RawClient> within_frame;
  const std::string connect = wire(connect_frame(std::string(200, 'n')));
  for (const size_t size : {size_t{0}, size_t{1}, size_t{2}, connect.size() - 1}) {
    connecting.emplace_back(broker_.address()).send_bytes(connect.substr(0, size));
  }
  connecting.emplace_back(broker_.address()).send_bytes("PO");  // May still become an HTTP request.
  const std::string message = wire(message_frame("nobody", 1, std::string(10'000, 'm')));
  for (const size_t size : {size_t{1}, size_t{2}, size_t{100}, message.size() - 1}) {
    RawClient& peer = within_frame.emplace_back(broker_.address());
    peer.connect("", [](v1::Connect& c) { c.set_keepalive_ms(600'000); });
    peer.send_bytes(message.substr(0, size));
  }
  // Two that dribble, which moves no deadline: a byte whenever a bystanders' round has passed.
  RawClient& slow_connect = connecting.emplace_back(broker_.address());
  RawClient& slow_message = within_frame.emplace_back(broker_.address());
  slow_message.connect("", [](v1::Connect& c) { c.set_keepalive_ms(600'000); });
  slow_message.send_bytes(message.substr(0, 1));
  // Both are read to their end while they dribble. A Connect of 200 bytes at 20 rounds a byte takes much longer than 5
  // s.
  for (size_t i = 0; slow_message.end() == RawClient::End::kNot && i + 2 < message.size(); ++i) {
    if (i < connect.size() - 1) slow_connect.send_bytes(connect.substr(i, 1));
    slow_message.send_bytes(message.substr(1 + i, 1));
    bystanders_.wait_for_rounds(20);
    slow_connect.gather();
    slow_message.gather();
    ASSERT_FALSE(HasFailure());
  }
  for (RawClient& peer : connecting) expect_goodbye(peer, v1::CODE_CONNECT_TIMEOUT, "no Connect came in time");
  for (RawClient& peer : within_frame) expect_goodbye(peer, v1::CODE_PROTOCOL_ERROR, "not finished in time");
  expect_nothing_lost();
  expect_one_line_each();
}

uint64_t resident_bytes(pid_t pid) {
  uint64_t size = 0;
  uint64_t resident = 0;
  std::ifstream("/proc/" + std::to_string(pid) + "/statm") >> size >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

// What is only announced takes no memory: 200 peers promise 16 KiB or 1 MiB each, and send a byte of it.
TEST_F(BadBytes, NothingIsAllocatedForWhatIsOnlyAnnounced) {
  bystanders_.wait_for_rounds(50);
  const uint64_t before = resident_bytes(broker_.pid());
  std::deque<RawClient> promising;
  for (int i = 0; i < 100; ++i) {
    promising.emplace_back(broker_.address()).send_bytes("\x80\x80\x01\x0a");  // 16 KiB of Connect.
    RawClient& named = promising.emplace_back(broker_.address());
    named.connect("");
    named.send_bytes("\x80\x80\x40\x1a");  // 1 MiB of message.
  }
  bystanders_.wait_for_rounds(10);
  EXPECT_LT(resident_bytes(broker_.pid()), before + (16 << 20));
  promising.clear();
  expect_nothing_lost();
}

v1::Frame confirmed_frame(const std::string& client, uint64_t id, const std::string& payload) {
  v1::Frame frame = message_frame(client, id, payload);
  frame.mutable_message()->set_confirm(v1::CONFIRM_DELIVERED);
  return frame;
}

// Whoever has as much open as the window allows may not send one more: by count, and by bytes.
TEST_F(BadBytes, NoWindowCanBeExceeded) {
  RawClient silent(broker_.address());
  silent.connect("silent");
  RawClient by_count(broker_.address());
  const uint32_t window = by_count.connect("by-count").send_window();
  for (uint64_t id = 1; id <= window; ++id) by_count.send(confirmed_frame("silent", id, ""));
  EXPECT_TRUE(payloads(by_count.read_to_pong()).empty());
  by_count.send(confirmed_frame("silent", window + 1, ""));
  expect_goodbye(by_count, v1::CODE_QUOTA_EXCEEDED, "send window");

  RawClient by_bytes(broker_.address());
  const uint32_t window_bytes = by_bytes.connect("by-bytes").send_window_bytes();
  std::deque<RawClient> recipients;  // More than one, as each takes less than the window.
  const std::string payload(512 << 10, 'p');
  uint64_t sent_bytes = 0;
  for (uint64_t id = 1; sent_bytes <= window_bytes; ++id) {
    const std::string name = "recipient-" + std::to_string(id);
    recipients.emplace_back(broker_.address()).connect(name);
    const std::string bytes = wire(confirmed_frame(name, id, payload));
    sent_bytes += bytes.size();
    by_bytes.send_bytes(bytes);
  }
  expect_goodbye(by_bytes, v1::CODE_QUOTA_EXCEEDED, "send window");
  recipients.clear();
  silent.close();
  expect_nothing_lost();
  expect_one_line_each();
}

}  // namespace
}  // namespace onehop::test
