// The scan of messages and frames, rule by rule: what each refusal is called, and that what stands just inside a rule
// passes. The comparison with protobuf's parser over random messages is in tests/fuzz/message_differential_test.cc.
#include "core/wire/message_scan.h"

#include <gtest/gtest.h>
#include <onehop/v1/onehop.pb.h>

#include <ostream>
#include <string>
#include <vector>

namespace onehop::core {

static void PrintTo(ScanError error, std::ostream* out) {
  *out << describe(error);
}

namespace {

using namespace std::string_literals;

std::string varint(uint64_t value) {
  char bytes[kVarintBytesMax];
  return std::string(bytes, write_varint(bytes, value));
}

std::string tag(uint64_t number, unsigned type) {
  return varint(number << 3 | type);
}
std::string number(uint64_t field, uint64_t value) {
  return tag(field, 0) + varint(value);
}
std::string text(uint64_t field, const std::string& body) {
  return tag(field, 2) + varint(body.size()) + body;
}
std::string fixed64(uint64_t field, uint64_t value) {
  char bytes[8];
  write_fixed64(bytes, value);
  return tag(field, 1) + std::string(bytes, 8);
}
std::string fixed32(uint64_t field) {
  return tag(field, 5) + "abcd";
}
std::string header(const std::string& body) {
  return text(11, body);
}
std::string times(int count, const std::string& bytes) {
  std::string out;
  while (count-- > 0) out += bytes;
  return out;
}

const std::string kToBob = "\x0A\x03"s + "bob";
// A varint over `bytes` bytes: the last one is `last`, those before it have all bits set.
std::string long_varint(size_t bytes, unsigned char last) {
  return std::string(bytes - 1, '\xFF') + static_cast<char>(last);
}

struct Row {
  std::string what;
  std::string body;
  ScanError error;
};

void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    ScannedMessage message;
    EXPECT_EQ(scan_message(row.body, {}, message), row.error) << row.what;
  }
}

TEST(MessageScan, ReadsWhatTheSenderSet) {
  v1::Message sent;
  sent.set_client("bob");
  sent.set_id(300);
  sent.set_confirm(v1::CONFIRM_DELIVERED);
  sent.set_ttl_ms(4'000'000'000);
  sent.set_in_reply_to(UINT64_MAX);
  sent.set_in_reply_to_session(0x0123456789ABCDEF);
  sent.set_maybe_repeated(true);
  sent.set_payload(std::string(70'000, 'p'));
  sent.add_headers()->set_key("traceparent");
  const std::string body = sent.SerializeAsString();

  ScannedMessage message;
  ASSERT_EQ(scan_message(body, {}, message), ScanError::kNone);
  EXPECT_EQ(message.destination, Destination::kClient);
  EXPECT_EQ(message.destination_name, "bob");
  EXPECT_GE(message.destination_name.data(), body.data());
  EXPECT_LE(message.destination_name.data() + 3, body.data() + body.size());
  EXPECT_EQ(message.id, 300u);
  EXPECT_EQ(message.confirm, 1);
  EXPECT_EQ(message.ttl_ms, 4'000'000'000u);
  EXPECT_EQ(message.in_reply_to, UINT64_MAX);
  EXPECT_EQ(message.in_reply_to_session, 0x0123456789ABCDEFu);
}

TEST(MessageScan, ForgetsTheMessageBefore) {
  ScannedMessage message;
  ASSERT_EQ(scan_message(text(3, "s") + number(5, 1) + number(6, 1) + number(8, 1) + number(9, 1) + fixed64(13, 1), {},
                         message),
            ScanError::kNone);
  ASSERT_EQ(message.destination, Destination::kService);
  ASSERT_EQ(scan_message(kToBob, {}, message), ScanError::kNone);
  EXPECT_EQ(message.destination, Destination::kClient);
  EXPECT_EQ(message.id, 0u);
  EXPECT_EQ(message.confirm, 0);
  EXPECT_EQ(message.ttl_ms, 0u);
  EXPECT_EQ(message.in_reply_to, 0u);
  EXPECT_EQ(message.in_reply_to_session, 0u);
}

TEST(MessageScan, Destinations) {
  ScannedMessage message;
  const std::string nobody = text(1, "");
  ASSERT_EQ(scan_message(nobody, {}, message), ScanError::kNone);
  EXPECT_EQ(message.destination_name, "");
  const std::string topic = text(2, "room");
  ASSERT_EQ(scan_message(topic, {}, message), ScanError::kNone);
  EXPECT_EQ(message.destination, Destination::kTopic);
  EXPECT_EQ(message.destination_name, "room");
  check_rows({
      {"empty", "", ScanError::kNoDestination},
      {"none", number(5, 1) + text(15, "p"), ScanError::kNoDestination},
      {"client twice", kToBob + kToBob, ScanError::kSecondDestination},
      {"client and topic", kToBob + text(2, "t"), ScanError::kSecondDestination},
      {"topic and client", text(2, "t") + kToBob, ScanError::kSecondDestination},
      {"topic and service", text(2, "t") + text(3, "s"), ScanError::kSecondDestination},
      {"apart", kToBob + text(15, "p") + text(3, "s"), ScanError::kSecondDestination},
      {"a name that nobody can have", text(1, "a b"), ScanError::kNone},
  });
}

TEST(MessageScan, SingularFieldsComeOnce) {
  const struct {
    const char* what;
    std::string field;
  } kFields[] = {
      {"id", number(5, 1)},
      {"confirm", number(6, 0)},
      {"ttl_ms", number(8, 1)},
      {"in_reply_to", number(9, 1)},
      {"session", fixed64(13, 1)},
      {"payload", text(15, "")},
      {"maybe_repeated", number(16, 1)},
  };
  for (const auto& row : kFields) {
    check_rows({{row.what, kToBob + row.field, ScanError::kNone},
                {row.what, row.field + kToBob + row.field, ScanError::kRepeatedField}});
  }
}

TEST(MessageScan, EveryFieldWithEveryWireType) {
  const auto right_type = [](uint64_t field) -> int {
    if (field <= 3 || field == 11 || field == 15) return 2;
    return field == 13 ? 1 : 0;
  };
  const std::vector<uint64_t> fields = {
      1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,  15,  16,   17,   18,    19,     20,     21,       22,
      23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 63, 64, 127, 128, 2047, 2048, 19000, 262143, 262144, 536870911};
  for (const uint64_t field : fields) {
    const bool brokers =
        field == 4 || field == 7 || field == 10 || field == 12 || field == 14 || (field >= 24 && field <= 31);
    for (unsigned type = 0; type < 8; ++type) {
      const std::string value = type == 0   ? "\x01"
                                : type == 1 ? "12345678"
                                : type == 5 ? "1234"
                                : type == 2 ? "\x00"s
                                            : "";
      ScanError expected = ScanError::kNone;
      if (type == 3 || type == 4) {
        expected = ScanError::kGroup;
      } else if (type > 5) {
        expected = ScanError::kUnknownWireType;
      } else if (brokers) {
        expected = ScanError::kBrokerField;
      } else if (field <= 16 && static_cast<int>(type) != right_type(field)) {
        expected = ScanError::kWrongWireType;
      }
      const std::string to = field <= 3 && expected == ScanError::kNone ? "" : kToBob;
      check_rows({{"field " + std::to_string(field) + ", type " + std::to_string(type), to + tag(field, type) + value,
                   expected}});
    }
  }
}

TEST(MessageScan, UnknownFieldsMayComeOftenAndAnywhere) {
  const std::string unknown = number(18, 1) + text(20, "\xFF") + fixed32(32) + fixed64(99, 7) + text(536870911, "x");
  check_rows({{"around", times(3, unknown) + kToBob + times(100, unknown), ScanError::kNone}});
}

TEST(MessageScan, Tags) {
  check_rows({
      {"number 0, varint", kToBob + "\x00\x01"s, ScanError::kFieldNumberZero},
      {"number 0, fixed64", kToBob + "\x01"s + "12345678", ScanError::kFieldNumberZero},
      {"number 0, length-delimited", kToBob + "\x02\x00"s, ScanError::kFieldNumberZero},
      {"number 0, end of group", kToBob + "\x04"s, ScanError::kFieldNumberZero},
      {"first of all", "\x00"s, ScanError::kFieldNumberZero},
      {"client in two bytes", "\x8A\x00\x03"s + "bob", ScanError::kTagNotShortest},
      {"client in five bytes", "\x8A\x80\x80\x80\x00\x03"s + "bob", ScanError::kTagNotShortest},
      {"maybe_repeated in three bytes", kToBob + "\x80\x81\x00\x01"s, ScanError::kTagNotShortest},
      {"number 0 in two bytes", kToBob + "\x80\x00\x01"s, ScanError::kTagNotShortest},
      {"the largest number", kToBob + "\xF8\xFF\xFF\xFF\x0F\x01", ScanError::kNone},
      {"a larger number", kToBob + "\xF8\xFF\xFF\xFF\x1F\x01", ScanError::kTagTooLarge},
      {"six bytes", kToBob + "\xF8\xFF\xFF\xFF\x8F\x00\x01"s, ScanError::kTagTooLarge},
      {"cut after one", kToBob + "\x80", ScanError::kTagCutShort},
      {"cut after four", kToBob + "\x80\x80\x80\x80", ScanError::kTagCutShort},
  });
}

TEST(MessageScan, Numbers) {
  ScannedMessage message;
  const std::string all_ones = long_varint(10, 1);
  const std::string five_bytes_one = "\x81\x80\x80\x80\x00"s;
  ASSERT_EQ(scan_message(kToBob + tag(5, 0) + all_ones + tag(6, 0) + all_ones + tag(8, 0) + all_ones + tag(9, 0) +
                             five_bytes_one,
                         {}, message),
            ScanError::kNone);
  EXPECT_EQ(message.id, UINT64_MAX);
  EXPECT_EQ(message.confirm, -1);
  EXPECT_EQ(message.ttl_ms, UINT32_MAX);
  EXPECT_EQ(message.in_reply_to, 1u);

  ASSERT_EQ(scan_message(kToBob + number(6, 0x100000002) + number(8, 0x700000005), {}, message), ScanError::kNone);
  EXPECT_EQ(message.confirm, 2);
  EXPECT_EQ(message.ttl_ms, 5u);

  for (const uint64_t field : {5u, 6u, 8u, 9u, 16u, 17u, 40u}) {
    const std::string start = kToBob + tag(field, 0);
    check_rows({
        {"10 bytes", start + all_ones, ScanError::kNone},
        {"10 bytes of a zero", start + std::string(9, '\x80') + "\0"s, ScanError::kNone},
        {"over 64 bits", start + long_varint(10, 2), ScanError::kBadVarint},
        {"11 bytes", start + long_varint(11, 0), ScanError::kBadVarint},
        {"missing", start, ScanError::kBadVarint},
        {"cut short", start + "\xFF", ScanError::kBadVarint},
    });
  }
  for (size_t size = 0; size < 8; ++size) {
    check_rows({{"session", kToBob + tag(13, 1) + std::string(size, 's'), ScanError::kFixedCutShort},
                {"fixed64", kToBob + tag(17, 1) + std::string(size, 's'), ScanError::kFixedCutShort}});
    if (size < 4) check_rows({{"fixed32", kToBob + tag(17, 5) + std::string(size, 's'), ScanError::kFixedCutShort}});
  }
}

TEST(MessageScan, Lengths) {
  const std::string five_bytes_three = "\x83\x80\x80\x80\x00"s;
  check_rows({
      {"client, five bytes", "\x0A"s + five_bytes_three + "bob", ScanError::kNone},
      {"client, six bytes", "\x0A\x83\x80\x80\x80\x80\x00"s + "bob", ScanError::kBadLength},
      {"payload, two bytes", kToBob + "\x7A\x81\x00"s + "p", ScanError::kNone},
      {"client, past the end", "\x0A\x04"s + "bob", ScanError::kLengthPastEnd},
      {"payload, past the end by one", kToBob + "\x7A\x03"s + "pp", ScanError::kLengthPastEnd},
      {"payload, 4 GiB and more", kToBob + "\x7A\xFF\xFF\xFF\xFF\x7F"s + "pp", ScanError::kLengthPastEnd},
      {"unknown, past the end", kToBob + tag(17, 2) + "\x01", ScanError::kLengthPastEnd},
      {"unknown, six bytes", kToBob + tag(17, 2) + "\x80\x80\x80\x80\x80\x00"s, ScanError::kBadLength},
      {"client, missing", "\x0A", ScanError::kBadLength},
      {"payload, missing", kToBob + "\x7A", ScanError::kBadLength},
      {"payload, cut short", kToBob + "\x7A\x80", ScanError::kBadLength},
      {"headers, past the end", kToBob + "\x5A\x01", ScanError::kLengthPastEnd},
  });
}

TEST(MessageScan, StringsAreUtf8) {
  for (const uint64_t field : {1u, 2u, 3u}) {
    check_rows({{"character", text(field, "caf\xC3\xA9"), ScanError::kNone},
                {"NUL", text(field, "\0"s), ScanError::kNone},
                {"half a character", text(field, "caf\xC3"), ScanError::kInvalidUtf8},
                {"surrogate", text(field, "\xED\xA0\x80"), ScanError::kInvalidUtf8},
                {"after many", text(field, std::string(40, 'a') + "\xFF"), ScanError::kInvalidUtf8}});
  }
  check_rows({{"bytes need not be", kToBob + text(15, "\xFF") + header(text(2, "\xFF")), ScanError::kNone},
              {"key", kToBob + header(text(1, "k\xC3\xA9y")), ScanError::kNone},
              {"bad key", kToBob + header(text(1, "\xFF")), ScanError::kInvalidUtf8}});
}

TEST(MessageScan, AKnownNameIsNotCheckedAgain) {
  ScannedMessage message;
  // Not UTF-8, which shows that an equal name is taken on trust, and only an equal one.
  const std::string body = text(1, "\xFF");
  EXPECT_EQ(scan_message(body, "\xFF", message), ScanError::kNone);
  EXPECT_EQ(scan_message(body, "\xFE", message), ScanError::kInvalidUtf8);
  EXPECT_EQ(scan_message(body, "\xFF\xFF", message), ScanError::kInvalidUtf8);
  EXPECT_EQ(scan_message(body, "", message), ScanError::kInvalidUtf8);
  EXPECT_EQ(scan_message(kToBob, "alice", message), ScanError::kNone);
  EXPECT_EQ(scan_message(text(2, "\xFF"), "\xFF", message), ScanError::kInvalidUtf8) << "the known name is a client's";
}

TEST(MessageScan, HeaderFields) {
  check_rows({
      {"empty", kToBob + header(""), ScanError::kNone},
      {"both", kToBob + header(text(1, "k") + text(2, "v")), ScanError::kNone},
      {"value first", kToBob + header(text(2, "v") + text(1, "k")), ScanError::kNone},
      {"same key in two headers", kToBob + times(2, header(text(1, "k") + text(2, "v"))), ScanError::kNone},
      {"unknown fields", kToBob + header(number(3, 1) + text(4, "x") + fixed64(7, 1) + fixed32(31) + number(3, 1)),
       ScanError::kNone},
      {"key twice", kToBob + header(text(1, "k") + text(1, "k")), ScanError::kRepeatedField},
      {"value twice", kToBob + header(text(2, "v") + text(2, "v")), ScanError::kRepeatedField},
      {"key as a number", kToBob + header(number(1, 1)), ScanError::kWrongWireType},
      {"value as fixed32", kToBob + header(fixed32(2)), ScanError::kWrongWireType},
      {"key past the end of the header", kToBob + header("\x0A\x02k") + text(15, "pp"), ScanError::kLengthPastEnd},
      {"key without length", kToBob + header("\x0A"), ScanError::kBadLength},
      {"key length in six bytes", kToBob + header("\x0A\x80\x80\x80\x80\x80\x00"s), ScanError::kBadLength},
      {"key tag in two bytes", kToBob + header("\x8A\x00\x01k"s), ScanError::kTagNotShortest},
      {"number 0", kToBob + header("\x00\x01"s), ScanError::kFieldNumberZero},
      {"group", kToBob + header("\x1B\x1C"), ScanError::kGroup},
      {"key as a group", kToBob + header("\x0B\x0C"), ScanError::kGroup},
      {"wire type 7", kToBob + header("\x1F"), ScanError::kUnknownWireType},
      {"tag cut short", kToBob + header("\x80"), ScanError::kTagCutShort},
      {"number cut short", kToBob + header("\x18\x80"), ScanError::kBadVarint},
      {"fixed32 cut short", kToBob + header("\x1D"s + "123"), ScanError::kFixedCutShort},
      {"fixed64 cut short", kToBob + header("\x19"s + "1234567"), ScanError::kFixedCutShort},
  });
}

TEST(MessageScan, HeaderLimits) {
  const std::string largest = text(1, "k") + text(2, std::string(8192 - 3 - 3, 'v'));
  ASSERT_EQ(largest.size(), 8192u);
  check_rows({
      {"64", kToBob + times(64, header("")), ScanError::kNone},
      {"65", kToBob + times(65, header("")), ScanError::kTooManyHeaders},
      {"65, with others between", times(64, header("")) + kToBob + text(15, "") + header(""),
       ScanError::kTooManyHeaders},
      {"8 KiB in one", kToBob + header(largest), ScanError::kNone},
      {"8 KiB and one more", kToBob + header(largest + "x"), ScanError::kHeadersTooLarge},
      {"8 KiB and an empty one", kToBob + header(largest) + header(""), ScanError::kNone},
      {"8 KiB in 64", kToBob + times(64, header(text(2, std::string(126, 'v')))), ScanError::kNone},
      {"8 KiB in 64 and one more",
       kToBob + header(text(2, std::string(127, 'v'))) + times(63, header(text(2, std::string(126, 'v')))),
       ScanError::kHeadersTooLarge},
  });
}

TEST(MessageScan, EveryBeginningOfAMessageIsSafeToScan) {
  const std::string body = kToBob + number(5, 300) + number(6, 1) + header(text(1, "k") + text(2, "v")) +
                           fixed64(13, 9) + number(16, 1) + text(100, "unknown") + text(15, std::string(200, 'p'));
  for (size_t size = 0; size <= body.size(); ++size) {
    // An exact copy, so that the address sanitizer sees a read past the end.
    const std::vector<char> exact(body.begin(), body.begin() + static_cast<ptrdiff_t>(size));
    ScannedMessage message;
    const ScanError error = scan_message(Bytes(exact.data(), exact.size()), {}, message);
    v1::Message parsed;
    EXPECT_EQ(error == ScanError::kNone || error == ScanError::kNoDestination,
              parsed.ParseFromArray(exact.data(), static_cast<int>(size)))
        << size;
  }
}

TEST(FrameScan, TakesTheOneFieldOutOfAFrame) {
  const struct {
    const char* what;
    std::string frame;
    ScanError error;
    uint32_t number;
    std::string body;
  } kRows[] = {
      {"message", text(3, "body"), ScanError::kNone, 3, "body"},
      {"empty body", text(7, ""), ScanError::kNone, 7, ""},
      {"large body", text(3, std::string(100'000, 'b')), ScanError::kNone, 3, std::string(100'000, 'b')},
      {"unknown number", text(200, "x"), ScanError::kNone, 200, "x"},
      {"the largest number", text(536870911, "x"), ScanError::kNone, 536870911, "x"},
      {"length in five bytes", "\x1A\x81\x80\x80\x80\x00x"s, ScanError::kNone, 3, "x"},
      {"empty", "", ScanError::kTagCutShort, 0, ""},
      {"two fields", text(7, "") + text(7, ""), ScanError::kFrameSecondField, 0, ""},
      {"a byte behind the field", text(7, "") + "x", ScanError::kFrameSecondField, 0, ""},
      {"number", number(3, 1), ScanError::kFrameNotLengthDelimited, 0, ""},
      {"fixed64", fixed64(3, 1), ScanError::kFrameNotLengthDelimited, 0, ""},
      {"fixed32", fixed32(3), ScanError::kFrameNotLengthDelimited, 0, ""},
      {"group", "\x1B\x1C", ScanError::kGroup, 0, ""},
      {"wire type 6", "\x1E", ScanError::kUnknownWireType, 0, ""},
      {"number 0", "\x02\x00"s, ScanError::kFieldNumberZero, 0, ""},
      {"tag in two bytes", "\x9A\x00\x01x"s, ScanError::kTagNotShortest, 0, ""},
      {"tag over five bytes", "\x9A\x80\x80\x80\x80\x00\x00"s, ScanError::kTagTooLarge, 0, ""},
      {"tag cut short", "\x9A", ScanError::kTagCutShort, 0, ""},
      {"length missing", "\x1A", ScanError::kBadLength, 0, ""},
      {"length over five bytes", "\x1A\x80\x80\x80\x80\x80\x00"s, ScanError::kBadLength, 0, ""},
      {"length past the end", "\x1A\x02x", ScanError::kLengthPastEnd, 0, ""},
  };
  for (const auto& row : kRows) {
    FrameField field;
    EXPECT_EQ(scan_frame(row.frame, field), row.error) << row.what;
    if (row.error != ScanError::kNone) continue;
    EXPECT_EQ(field.number, row.number) << row.what;
    EXPECT_EQ(field.body, row.body) << row.what;
  }
}

TEST(ScanError, EveryOneHasItsText) {
  std::vector<std::string> texts;
  for (int error = 0; error <= static_cast<int>(ScanError::kFrameSecondField); ++error) {
    texts.emplace_back(describe(static_cast<ScanError>(error)));
    for (size_t other = 0; other + 1 < texts.size(); ++other) EXPECT_NE(texts[other], texts.back());
    EXPECT_NE(texts.back(), "unknown");
  }
}

}  // namespace
}  // namespace onehop::core
