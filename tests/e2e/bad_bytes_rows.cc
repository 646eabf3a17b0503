// Bad bytes: see the header. They are put together by hand, since protobuf would not write most of them.
#include "bad_bytes_rows.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

using namespace std::string_literals;

constexpr size_t kControlBytesMax = 16 << 10;
constexpr size_t kFrameBytesMax = 1 << 20;

enum WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kGroupBegin = 3, kGroupEnd = 4, kFixed32 = 5 };

std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
  return out;
}

std::string tag(unsigned number, WireType type) {
  return varint(uint64_t{number} << 3 | type);
}

std::string number(unsigned field, uint64_t value) {
  return tag(field, kVarint) + varint(value);
}

std::string text(unsigned field, const std::string& value) {
  return tag(field, kBytes) + delimited(value);
}

// A frame on the wire with this body as its one field.
std::string frame(unsigned field, const std::string& body) {
  return delimited(text(field, body));
}

constexpr unsigned kConnect = 1, kMessage = 3, kAck = 4, kFlow = 6, kPing = 7, kPong = 8, kGoodbye = 9, kRenew = 10;

// A good message to "nobody" but for what follows the destination.
std::string message(const std::string& rest) {
  return frame(kMessage, text(1, "nobody") + rest);
}

class Rows {
 public:
  void before(const std::string& name, const std::string& bytes, v1::Code code, const std::string& says = "") {
    rows_.push_back({"before Connect: " + name, false, bytes, code, says});
  }
  void after(const std::string& name, const std::string& bytes, v1::Code code = v1::CODE_PROTOCOL_ERROR,
             const std::string& says = "") {
    rows_.push_back({name, true, bytes, code, says});
  }
  std::vector<BadRow> take() { return std::move(rows_); }

 private:
  std::vector<BadRow> rows_;
};

// | length 0, or a length varint over 5 bytes |
void add_lengths(Rows& rows) {
  for (const auto& [name, bytes] : {std::pair{"length 0"s, "\0"s},
                                    {"length 0 in two bytes"s, "\x80\0"s},
                                    {"a length of six bytes"s, "\x81\x80\x80\x80\x80\0"s},
                                    {"a length without an end"s, std::string(10, '\xff')}}) {
    rows.before(name, bytes, v1::CODE_PROTOCOL_ERROR);
    rows.after(name, bytes);
  }
}

// | first frame over 16 KiB; later frames over frame_bytes_max; control frames over 16 KiB |
void add_sizes(Rows& rows) {
  rows.before("a frame over 16 KiB", varint(kControlBytesMax + 1), v1::CODE_FRAME_TOO_LARGE);
  rows.before("a frame of 32 GiB", "\xff\xff\xff\xff\x7f", v1::CODE_FRAME_TOO_LARGE);
  rows.after("a frame over frame_bytes_max", varint(kFrameBytesMax + 1), v1::CODE_FRAME_TOO_LARGE);
  rows.after("a frame of 32 GiB", "\xff\xff\xff\xff\x7f", v1::CODE_FRAME_TOO_LARGE);
  const std::string filler = text(100, std::string(kControlBytesMax, 'x'));  // An unknown field, ignored but for size.
  for (const unsigned kind : {kConnect, kAck, kFlow, kPing, kPong, kGoodbye, kRenew}) {
    rows.after("a control frame over 16 KiB, kind " + std::to_string(kind), frame(kind, filler),
               v1::CODE_FRAME_TOO_LARGE);
  }
}

// | first frame is not Connect; Connect twice; a frame a client may not send; two fields in a Frame |
void add_kinds(Rows& rows) {
  rows.before("a message", wire(message_frame("b", 1, "early")), v1::CODE_PROTOCOL_ERROR, "not Connect");
  rows.before("a ping", wire(ping_frame(1)), v1::CODE_PROTOCOL_ERROR, "not Connect");
  rows.before("a goodbye", wire(goodbye_frame(v1::CODE_NORMAL)), v1::CODE_PROTOCOL_ERROR, "not Connect");
  rows.before("a kind that does not exist", frame(30, ""), v1::CODE_PROTOCOL_ERROR, "not Connect");
  rows.before("two fields in a frame", delimited(text(1, text(1, "two")) + text(1, "")), v1::CODE_PROTOCOL_ERROR);
  rows.before("Connect that does not parse",
              frame(kConnect,
                    "\x0a\x05"
                    "ab"),
              v1::CODE_PROTOCOL_ERROR, "parse");
  rows.before("Connect as a number", delimited(number(kConnect, 1)), v1::CODE_PROTOCOL_ERROR);
  rows.after("Connect twice", wire(connect_frame("twice")), v1::CODE_PROTOCOL_ERROR, "Connect comes once");
  rows.after("a renewal without the feature", frame(kRenew, text(1, "token")), v1::CODE_PROTOCOL_ERROR, "RENEWAL");
  for (const unsigned kind : {12u, 13u}) {
    rows.after("a frame of kind " + std::to_string(kind) + " without the feature", frame(kind, text(1, "news")),
               v1::CODE_PROTOCOL_ERROR, "needs the feature TOPICS");
  }
  for (const unsigned kind : {2u, 5u, 11u, 14u, 19u, 20u, 29u, 30u, 1'000u}) {
    rows.after("a frame of kind " + std::to_string(kind), frame(kind, ""), v1::CODE_PROTOCOL_ERROR, "may not send");
  }
  const std::string ping = text(kPing, "");
  rows.after("two fields in a frame", delimited(ping + ping));
  rows.after("a message and another field", delimited(text(kMessage, text(1, "nobody")) + ping));
  rows.after("a field that is no frame", delimited(number(kPing, 1)));
  for (const unsigned kind : {kAck, kFlow, kPing, kPong, kGoodbye, kRenew}) {
    rows.after("a control frame that does not parse, kind " + std::to_string(kind), frame(kind, "\xff"));
  }
}

// | an HTTP request, a TLS hello, an SSH banner on the plain port (the text says which) |
void add_other_protocols(Rows& rows) {
  for (const std::string method : {"GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE"}) {
    rows.before("HTTP " + method, method + " / HTTP/1.1\r\nHost: broker.example\r\n\r\n", v1::CODE_PROTOCOL_ERROR,
                "HTTP request");
  }
  rows.before("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", v1::CODE_PROTOCOL_ERROR, "HTTP/2 request");
  rows.before("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, v1::CODE_PROTOCOL_ERROR, "TLS hello");
  rows.before("SSH", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", v1::CODE_PROTOCOL_ERROR, "SSH banner");
}

// | a message that does not scan; a broker's field set; DELIVERED without id; id not rising |
void add_unscannable(Rows& rows) {
  rows.after("a message without a destination", frame(kMessage, text(15, "lost")));
  rows.after("a message with two destinations", message(text(1, "b")));
  rows.after("a message to a client and a topic", message(text(2, "b")));
  rows.after("a field twice", message(number(5, 1) + number(5, 2)));
  rows.after("a payload twice", message(text(15, "a") + text(15, "b")));
  rows.after("an id as text", message(text(5, "1")));
  rows.after("a payload as a number", message(number(15, 1)));
  rows.after("maybe_repeated as text", message(text(16, "1")));
  rows.after("a group", message(tag(100, kGroupBegin) + tag(100, kGroupEnd)));
  rows.after("wire type 7", message(tag(100, static_cast<WireType>(7))));
  rows.after("field number 0", message(std::string(2, '\0')));
  rows.after("a tag of six bytes", message("\xa2\x86\x80\x80\x80\x00\x00"s));
  rows.after("a tag longer than needed", message("\xfa\x00\x00"s));
  rows.after("a tag cut short", message("\x80"));
  rows.after("a number over 10 bytes", message(tag(5, kVarint) + std::string(10, '\x80') + "\x01"));
  rows.after("a fixed-size number cut short", message(tag(13, kFixed64) + "1234567"));
  rows.after("a length past the end", message(tag(15, kBytes) + "\x05"
                                                                "abc"));
  rows.after("a length of six bytes in a field", message(tag(15, kBytes) + "\x80\x80\x80\x80\x80\x00"s));
  rows.after("a destination that is not UTF-8", frame(kMessage, text(1, "\xff\xfe")));
  rows.after("a topic that is not UTF-8", frame(kMessage, text(2, "\xc0\x80")));
}

void add_headers(Rows& rows) {
  const auto header = [](const std::string& body) { return text(11, body); };
  std::string many;
  for (int i = 0; i < 65; ++i) many += header(text(1, "k"));
  rows.after("65 headers", message(many));
  rows.after("over 8 KiB of headers", message(header(text(2, std::string(8'190, 'v')))));
  rows.after("a header's key twice", message(header(text(1, "a") + text(1, "b"))));
  rows.after("a header's value as a number", message(header(number(2, 1))));
  rows.after("a header's key that is not UTF-8", message(header(text(1, "\xed\xa0\x80"))));
  rows.after("a header that is cut short", message(header("\x0a\x09k")));
}

void add_refused_fields(Rows& rows) {
  for (const unsigned field : {4u, 7u, 10u, 12u, 14u, 24u, 25u, 26u, 27u, 28u, 29u, 30u, 31u}) {
    rows.after("a broker's field: " + std::to_string(field), message(number(field, 1)), v1::CODE_PROTOCOL_ERROR,
               "only the broker sets");
  }
  rows.after("a forged sender", message(text(4, "somebody else")), v1::CODE_PROTOCOL_ERROR, "only the broker sets");
  rows.after("DELIVERED without an id", message(number(6, 1)), v1::CODE_PROTOCOL_ERROR, "needs an id");
  rows.after("an unknown confirm level without an id", message(number(6, 2)), v1::CODE_PROTOCOL_ERROR, "needs an id");
  rows.after("the same id twice", message(number(5, 7)) + message(number(5, 7)), v1::CODE_PROTOCOL_ERROR, "id");
  rows.after("an id below the last", message(number(5, 7)) + message(number(5, 6)), v1::CODE_PROTOCOL_ERROR, "id");
  // There are no tags and no numbered receipts yet, so that no ack can be right.
  rows.after("an ack of a tag never given", frame(kAck, number(1, 1)));
  rows.after("a refusal of a tag never given", frame(kAck, text(2, number(1, 1))));
  rows.after("a range of tags never given", frame(kAck, text(5, number(1, 1) + number(2, 2))));
  rows.after("an ack of receipts never sent", frame(kAck, number(3, 1)));
}

// | a name that breaks the rules; Flow with PAUSE or with a topic or service from a client |
void add_names(Rows& rows) {
  std::vector<std::string> names{std::string(256, 'a'), "$system", "two words", "line\nbreak", "z\x7f",
                                 "caf\xc3\xa9",         "\xff",    "a\0b"s};
  for (const char forbidden : std::string_view("\"'\\`*>#+?,")) names.push_back("a"s + forbidden);
  for (const std::string& name : names) {
    const std::string shown = name.size() > 200 ? "256 bytes" : name;
    rows.before("the name " + shown, frame(kConnect, text(1, name)), v1::CODE_PROTOCOL_ERROR);
    rows.after("Flow for the name " + shown, frame(kFlow, text(1, name) + number(2, 2)));
  }
  rows.before("a made name without its token", frame(kConnect, text(1, "~abcdefghijklm")), v1::CODE_PROTOCOL_ERROR,
              "resume token");
  rows.after("Flow for an empty name", frame(kFlow, text(1, "") + number(2, 2)));
  rows.after("Flow with PAUSE", frame(kFlow, text(1, "b") + number(2, 1)));
  rows.after("Flow without a state", frame(kFlow, text(1, "b")));
  rows.after("Flow with an unknown state", frame(kFlow, text(1, "b") + number(2, 3)));
  rows.after("Flow for a topic", frame(kFlow, text(4, "b") + number(2, 2)));
  rows.after("Flow for a service", frame(kFlow, text(5, "b") + number(2, 2)));
  rows.after("Flow for nobody", frame(kFlow, number(2, 2)));
}

}  // namespace

std::vector<BadRow> bad_rows() {
  Rows rows;
  add_lengths(rows);
  add_sizes(rows);
  add_kinds(rows);
  add_other_protocols(rows);
  add_unscannable(rows);
  add_headers(rows);
  add_refused_fields(rows);
  add_names(rows);
  return rows.take();
}

}  // namespace onehop::test
