// onehopd's log: one line an event, JSON where nobody looks at it, and nothing a peer sends can break or forge a line.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "server_test/child_process.h"
#include "server_test/log_line.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

// Names that break the rules and, if logged as they are, the log.
std::vector<std::string> hostile_names() {
  return {
      "line\nbreak",
      "carriage\rreturn",
      "quote\" , \"event\":\"forged",
      "back\\slash\\",
      "\x1b[31mred\x1b[0m",
      std::string("zero\0byte", 9),
      "tab\tand bell\a",
      "caf\xc3\xa9 \xe2\x80\xae right-to-left",
      "delete\x7f",
      "x\n{\"time\":\"2000-01-01T00:00:00.000Z\",\"level\":\"info\",\"event\":\"forged\"}",
      "a=b code=NORMAL",
      std::string(300, 'a'),
      std::string(15'000, 'z') + "\n",
  };
}

void connect_each(const std::string& address, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    RawClient client(address);
    client.send(connect_frame(name));
    EXPECT_EQ(v1::CODE_PROTOCOL_ERROR, client.read_goodbye().code());
  }
}

bool is_plain(const std::string& line) {
  return std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

TEST(DaemonLog, IsJsonLinesInAPipe) {
  Onehopd broker({"--shards", "2", "--log-level", "debug"});
  RawClient a(broker.address());
  RawClient b(broker.address());
  a.connect("a");
  b.connect("b");
  const std::string peer = b.local_address();
  b.send_bytes(std::string(1, '\0'));
  EXPECT_EQ(v1::CODE_PROTOCOL_ERROR, b.read_goodbye().code());
  a.send(goodbye_frame(v1::CODE_NORMAL));
  a.read_to_end();
  a.close();
  b.close();
  broker.send_signal(SIGTERM);
  EXPECT_EQ(0, broker.wait());
  std::vector<std::string> events;
  for (const std::string& line : broker.errors()) {
    const auto parsed = parse_log_line(line);
    ASSERT_TRUE(parsed) << line;
    EXPECT_FALSE(value_of(*parsed, "time").empty());
    EXPECT_FALSE(value_of(*parsed, "level").empty());
    events.push_back(value_of(*parsed, "event"));
    if (events.back() != "connection_ended") continue;
    EXPECT_EQ("b", value_of(*parsed, "name"));
    EXPECT_EQ("PROTOCOL_ERROR", value_of(*parsed, "code"));
    EXPECT_EQ(peer, value_of(*parsed, "peer"));
    EXPECT_EQ("a frame's length is broken", value_of(*parsed, "text"));
  }
  const auto count = [&](const std::string& event) { return std::count(events.begin(), events.end(), event); };
  EXPECT_EQ(1, count("started"));
  EXPECT_EQ(2, count("session_opened"));
  EXPECT_EQ(2, count("session_ended"));
  EXPECT_EQ(1, count("connection_ended"));
  EXPECT_EQ(1, count("stopping"));
  EXPECT_EQ(1, count("stopped"));
}

TEST(DaemonLog, HostileNamesStayWithinTheirJsonLine) {
  Onehopd broker;
  const std::vector<std::string> names = hostile_names();
  connect_each(broker.address(), names);
  broker.send_signal(SIGTERM);
  broker.wait();
  std::vector<std::string> logged;
  for (const std::string& line : broker.errors()) {
    EXPECT_TRUE(is_plain(line)) << line;
    const auto parsed = parse_log_line(line);
    ASSERT_TRUE(parsed) << line;
    EXPECT_NE("forged", value_of(*parsed, "event"));
    if (value_of(*parsed, "event") == "connect_refused") logged.push_back(value_of(*parsed, "name"));
  }
  ASSERT_EQ(names.size(), logged.size());
  for (size_t i = 0; i < names.size(); ++i) {
    // As sent, or its beginning.
    EXPECT_TRUE(names[i].starts_with(logged[i].substr(0, 64))) << names[i];
  }
}

TEST(DaemonLog, HostileNamesStayWithinTheirTextLine) {
  Onehopd broker({"--log-format", "text"});
  const std::vector<std::string> names = hostile_names();
  connect_each(broker.address(), names);
  broker.send_signal(SIGTERM);
  broker.wait();
  size_t refused = 0;
  for (const std::string& line : broker.errors()) {
    EXPECT_TRUE(is_plain(line)) << line;
    if (line.find(" connect_refused code=PROTOCOL_ERROR name=") != std::string::npos) ++refused;
  }
  EXPECT_EQ(names.size(), refused);
}

// Not even UTF-8: it never becomes a name, and adds no line of anybody else's making.
TEST(DaemonLog, BytesThatAreNoTextMakeOneLineToo) {
  Onehopd broker;
  for (const std::string name : {"\xff\xfe", "\xc0\x80", "\xed\xa0\x80"}) {
    RawClient client(broker.address());
    client.send_bytes(delimited("\x0a" + delimited("\x0a" + delimited(name))));
    EXPECT_EQ(v1::CODE_PROTOCOL_ERROR, client.read_goodbye().code());
  }
  broker.send_signal(SIGTERM);
  broker.wait();
  size_t refused = 0;
  for (const std::string& line : broker.errors()) {
    const auto parsed = parse_log_line(line);
    EXPECT_TRUE(parsed) << line;
    if (parsed && value_of(*parsed, "event") == "connect_refused") ++refused;
  }
  EXPECT_EQ(3u, refused);
}

TEST(DaemonLog, LevelOffIsSilent) {
  Onehopd broker({"--log-level", "off"});
  connect_each(broker.address(), {"bad name"});
  broker.send_signal(SIGTERM);
  EXPECT_EQ(0, broker.wait());
  EXPECT_TRUE(broker.errors().empty());
}

// A flood of sessions does not make a flood of lines; what was left out is told.
TEST(DaemonLog, IsSampledUnderAFlood) {
  Onehopd broker({"--shards", "2", "--log-level", "debug"});
  size_t sent = 0;
  std::vector<std::string> lines;
  const auto told = [](const std::vector<std::string>& all) {
    return std::any_of(all.begin(), all.end(),
                       [](const std::string& line) { return line.find("lines_left_out") != std::string::npos; });
  };
  for (; !told(lines); ++sent) {
    RawClient client(broker.address());
    client.connect("client-" + std::to_string(sent));
    if (sent % 256 == 0) lines = broker.errors();
  }
  broker.send_signal(SIGTERM);
  broker.wait();
  // Of each kind every session has one line at the most; some are not there.
  std::map<std::string, size_t> lines_of;
  for (const std::string& line : broker.errors()) {
    const auto parsed = parse_log_line(line);
    ASSERT_TRUE(parsed) << line;
    const std::string event = value_of(*parsed, "event");
    if (event == "session_opened" || event == "session_ended" || event == "connection_ended") ++lines_of[event];
  }
  size_t all = 0;
  for (const auto& [event, count] : lines_of) all += count;
  EXPECT_LT(all, lines_of.size() * sent);
}

// Numbers are numbers for whoever reads the lines; a session stays a text.
TEST(DaemonLog, WritesNumbersAsNumbers) {
  Onehopd broker({"--shards", "2", "--log-level", "debug"});
  RawClient(broker.address()).connect("a");
  broker.send_signal(SIGTERM);
  broker.wait();
  size_t looked_at = 0;
  for (const std::string& line : broker.errors()) {
    if (line.find("\"event\":\"served\"") != std::string::npos) {
      EXPECT_NE(std::string::npos, line.find(",\"sessions\":1,")) << line;
      ++looked_at;
    }
    if (line.find("\"event\":\"session_opened\"") != std::string::npos) {
      EXPECT_NE(std::string::npos, line.find(",\"session\":\"")) << line;
      EXPECT_EQ(std::string::npos, line.find(",\"shard\":\"")) << line;
      ++looked_at;
    }
  }
  EXPECT_EQ(2u, looked_at);
}

TEST(DaemonLog, SaysWhereItListensAndWhichLimitsHold) {
  Onehopd broker({"--listen-proxy", "tcp://127.0.0.1:0", "--proxy-from", "127.0.0.1", "--admin", "tcp://127.0.0.1:0",
                  "--shards", "3", "--connections-max", "17", "--memory-bytes-max", "123456789"});
  const std::string admin = broker.admin_address();
  broker.send_signal(SIGTERM);
  broker.wait();
  for (const std::string& text : broker.errors()) {
    const LogLine line = parse_log_line(text).value_or(LogLine());
    if (value_of(line, "event") != "started") continue;
    EXPECT_EQ(broker.addresses()[0], value_of(line, "addresses"));
    EXPECT_EQ(broker.addresses()[1], value_of(line, "proxy_addresses"));
    EXPECT_EQ(admin, value_of(line, "admin"));
    EXPECT_EQ("3", value_of(line, "shards"));
    EXPECT_EQ("17", value_of(line, "connections_max"));
    EXPECT_EQ("123456789", value_of(line, "memory_bytes_max"));
    return;
  }
  ADD_FAILURE() << "nothing is logged about started";
}

// A thousand sessions end at once, and then nothing happens any more: what was left out is told all the same.
TEST(DaemonLog, TellsWhatItLeftOutInTheSilenceAfterAFlood) {
  Onehopd broker({"--shards", "1", "--log-level", "debug", "--admin", "tcp://127.0.0.1:0"});
  for (int i = 0; i < 1'000; ++i) {
    RawClient client(broker.address());
    client.connect("client-" + std::to_string(i), [](v1::Connect& c) { c.set_session_expiry_ms(600'000); });
  }
  RawClient operators(broker.admin_address());
  operators.send_bytes("POST /api/v1/drain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  const auto lines = broker.wait_for_errors([](const std::vector<std::string>& all) {
    const auto drain = std::find_if(all.begin(), all.end(), [](const std::string& line) {
      return line.find("\"event\":\"draining\"") != std::string::npos;
    });
    return std::any_of(drain, all.end(), [](const std::string& line) {
      return line.find("\"event\":\"lines_left_out\"") != std::string::npos;
    });
  });
  EXPECT_LT(lines.size(), 3'000u);
}

}  // namespace
}  // namespace onehop::test
