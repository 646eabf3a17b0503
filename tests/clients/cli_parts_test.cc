// The parts of the command line that need no broker: lines, formats, JSON.
#include <gtest/gtest.h>

#include "cli/format.h"
#include "cli/line_reader.h"
#include "cli/server_address.h"
#include "cli/suggestion.h"

namespace onehop::cli {
namespace {

// All lines of `text`, given in blocks of `block_size`; a line that is too long shows as "<too long>".
std::vector<std::string> lines_of(std::string_view text, size_t block_size, size_t bytes_max) {
  LineReader reader;
  reader.set_bytes_max(bytes_max);
  std::vector<std::string> lines;
  for (;;) {
    std::string_view line;
    switch (reader.next(line)) {
      case LineReader::Next::kLine:
        lines.emplace_back(line);
        break;
      case LineReader::Next::kTooLong:
        lines.emplace_back("<too long>");
        break;
      case LineReader::Next::kNeedMore:
        reader.give(text.substr(0, block_size));
        if (text.empty()) reader.end();
        text.remove_prefix(std::min(block_size, text.size()));
        break;
      case LineReader::Next::kEnd:
        return lines;
    }
  }
}

TEST(LineReader, CutsAtNewlinesWhateverTheBlocks) {
  using Lines = std::vector<std::string>;
  struct Case {
    std::string_view text;
    Lines lines;
  };
  const Case cases[] = {
      {"", {}},
      {"\n", {""}},
      {"a", {"a"}},
      {"a\n", {"a"}},
      {"a\nb", {"a", "b"}},
      {"\n\na\n\n", {"", "", "a", ""}},
      {"12345678\n123456789\n1234\n", {"12345678", "<too long>", "1234"}},
      {"123456789", {"<too long>"}},
      {"1\r\n", {"1\r"}},
      {std::string_view("a\0b\n", 4), {std::string("a\0b", 3)}},
  };
  for (const Case& tested : cases) {
    for (size_t block_size = 1; block_size <= 12; ++block_size) {
      EXPECT_EQ(lines_of(tested.text, block_size, 8), tested.lines) << tested.text << " in blocks of " << block_size;
    }
  }
}

constexpr uint64_t kReceived = 1'795'397'399'042;

TEST(ServerAddress, IsMadeWhole) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"there", "tcp://there:7411"},      {"there:1", "tcp://there:1"},       {"[::1]", "tcp://[::1]:7411"},
      {"[::1]:1", "tcp://[::1]:1"},       {"::1", "tcp://[::1]:7411"},        {"/run/socket", "unix:///run/socket"},
      {"unix:///run/s", "unix:///run/s"}, {"tcp://there:1", "tcp://there:1"},
  };
  for (const auto& [typed, whole] : cases) {
    std::string error;
    EXPECT_EQ(whole_server_address(typed, error), whole);
    EXPECT_EQ(error, "") << typed;
  }
  for (const char* wrong : {"", "there:0", "tcp://there:0", "[::1]:0", "there:99999", "http://there:1", ":1", "a b:"}) {
    std::string error;
    static_cast<void>(whole_server_address(wrong, error));
    EXPECT_NE(error, "") << wrong;
  }
}

TEST(Suggestion, IsWhatIsClose) {
  const std::vector<std::string> names = {"listen", "send", "ping", "top"};
  EXPECT_EQ(did_you_mean("lisetn", names), "; did you mean 'listen'?");
  EXPECT_EQ(did_you_mean("snd", names), "; did you mean 'send'?");
  EXPECT_EQ(did_you_mean("pings", names), "; did you mean 'ping'?");
  EXPECT_EQ(did_you_mean("shout", names), "");
  EXPECT_EQ(did_you_mean("", names), "");
  EXPECT_EQ(did_you_mean(std::string(100'000, 'x'), names), "");
}

client::Message message() {
  static const client::Header headers[] = {{"a", "1"}, {"b", std::string_view("\xFF", 1)}};
  client::Message message;
  message.from = "bob";
  message.id = 7;
  message.from_session = 18'446'744'073'709'551'615U;
  message.headers = headers;
  message.payload = "say \"hi\"\n\\";
  return message;
}

std::string formatted(std::string_view format) {
  std::string out;
  Format(format).write(message(), kReceived, out);
  return out;
}

TEST(Format, WritesEachField) {
  EXPECT_EQ(formatted("%p"), "say \"hi\"\n\\");
  EXPECT_EQ(formatted("%f %i %s %l%%\\n"), "bob 7 18446744073709551615 10%\n");
  EXPECT_EQ(formatted("\\t%H\\\\"), "\ta=1,b=\xFF\\");
  EXPECT_EQ(formatted("%f\\0"), std::string("bob\0", 4));
  EXPECT_EQ(formatted("%T"), "2026-11-23T01:29:59.042Z");
  EXPECT_EQ(formatted(""), "");
}

TEST(Format, SaysWhatMeansNothing) {
  EXPECT_EQ(what_is_wrong_with_format("%f %p\\n"), "");
  for (const char* bad : {"%", "\\", "%x", "\\x", "a%"}) EXPECT_NE(what_is_wrong_with_format(bad), "") << bad;
}

TEST(Format, ShowsOnATerminalWhatItMightObey) {
  struct Case {
    std::string_view bytes;
    std::string_view shown;
  };
  const Case cases[] = {{"\x1b[2J\r\b\x7F", "\\x1b[2J\\x0d\\x08\\x7f"},
                        {"\t\n", "\t\n"},
                        {"\xC2\x9B\xC2\xA0", "\\xc2\\x9b\xC2\xA0"},
                        {"\x9B\xFF\xC3", "\\x9b\\xff\\xc3"},
                        {"\xE2\x82\xAC\xF0\x9F\x98\x80", "\xE2\x82\xAC\xF0\x9F\x98\x80"},
                        {"", ""}};
  for (const Case& tested : cases) {
    std::string out;
    write_for_terminal(tested.bytes, true, out);
    EXPECT_EQ(out, tested.shown);
  }
  std::string out;
  write_for_terminal("\t\n", false, out);
  EXPECT_EQ(out, "\\x09\\x0a");
}

TEST(Json, EscapesWhatHasToBe) {
  std::string out;
  write_json(message(), kReceived, out);
  EXPECT_EQ(out,
            "{\"received_at\":\"2026-11-23T01:29:59.042Z\",\"from\":\"bob\",\"id\":7,\"from_session\":"
            "\"18446744073709551615\",\"headers\":[{\"key\":\"a\","
            "\"value\":\"1\"},"
            "{\"key\":\"b\",\"value_base64\":\"/w==\"}],\"payload\":\"say \\\"hi\\\"\\n\\\\\"}\n");
  out.clear();
  write_json_string(std::string_view("\0\x1F\x7Fü", 5), out);
  EXPECT_EQ(out, "\"\\u0000\\u001f\\u007fü\"");
}

TEST(Json, WritesBytesThatAreNoTextInBase64) {
  const std::pair<std::string_view, std::string_view> cases[] = {{"\xFF", "/w=="},
                                                                 {"\xFF\xFE", "//4="},
                                                                 {"\xFF\xFE\xFD", "//79"},
                                                                 {std::string_view("\xFF\0\0\0", 4), "/wAAAA=="}};
  for (const auto& [bytes, base64] : cases) {
    std::string out;
    write_json_bytes("p", bytes, out);
    EXPECT_EQ(out, "\"p_base64\":\"" + std::string(base64) + '"');
  }
}

}  // namespace
}  // namespace onehop::cli
