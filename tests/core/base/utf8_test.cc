// UTF-8 against a decoder written from the definition, and against protobuf's own parser.
#include "core/base/utf8.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>
#include <onehop/v1/onehop.pb.h>

#include <random>
#include <string>

namespace onehop::core {
namespace {

std::string encode(uint32_t code_point) {
  std::string out;
  const auto push = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    push(code_point);
  } else if (code_point < 0x800) {
    push(0xC0 | code_point >> 6);
    push(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    push(0xE0 | code_point >> 12);
    push(0x80 | (code_point >> 6 & 0x3F));
    push(0x80 | (code_point & 0x3F));
  } else {
    push(0xF0 | code_point >> 18);
    push(0x80 | (code_point >> 12 & 0x3F));
    push(0x80 | (code_point >> 6 & 0x3F));
    push(0x80 | (code_point & 0x3F));
  }
  return out;
}

bool is_character(uint32_t code_point) {
  return code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF);
}

bool parser_takes(const std::string& text) {
  google::protobuf::LogSilencer silencer;  // It logs each string that it refuses.
  std::string body = "\x0A";               // Message.client
  char length[kVarintBytesMax];
  body.append(length, write_varint(length, text.size()));
  body += text;
  onehop::v1::Message message;
  return message.ParseFromString(body);
}

TEST(Utf8, EveryCodePointAndEverySurrogate) {
  for (uint32_t code_point = 0; code_point < 0x110400; ++code_point) {
    ASSERT_EQ(is_valid_utf8(encode(code_point)), is_character(code_point)) << std::hex << code_point;
  }
}

// What is valid is exactly what encode() makes of one or two characters.
TEST(Utf8, EveryOneAndTwoByteSequence) {
  for (uint32_t first = 0; first < 256; ++first) {
    const std::string one(1, static_cast<char>(first));
    ASSERT_EQ(is_valid_utf8(one), first < 0x80) << first;
    for (uint32_t second = 0; second < 256; ++second) {
      const std::string two = one + static_cast<char>(second);
      const bool both_ascii = first < 0x80 && second < 0x80;
      const bool one_character = first >= 0xC2 && first <= 0xDF && second >= 0x80 && second <= 0xBF;
      ASSERT_EQ(is_valid_utf8(two), both_ascii || one_character) << first << " " << second;
    }
  }
}

TEST(Utf8, EveryThreeByteSequenceWithAThreeByteLead) {
  for (uint32_t bytes = 0xE00000; bytes < 0xF00000; ++bytes) {
    const std::string text = {static_cast<char>(bytes >> 16), static_cast<char>(bytes >> 8), static_cast<char>(bytes)};
    const uint32_t code_point = (bytes >> 4 & 0xF000) | (bytes >> 2 & 0xFC0) | (bytes & 0x3F);
    const bool valid = (bytes & 0xC0C0) == 0x8080 && code_point >= 0x800 && is_character(code_point);
    ASSERT_EQ(is_valid_utf8(text), valid) << std::hex << bytes;
  }
}

TEST(Utf8, WhatIsRefusedAndWhatIsNot) {
  const struct {
    const char* what;
    std::string text;
    bool valid;
  } kRows[] = {
      {"empty", "", true},
      {"NUL", std::string(1, '\0'), true},
      {"noncharacter", "\xEF\xBF\xBE", true},
      {"the last code point", "\xF4\x8F\xBF\xBF", true},
      {"above the last code point", "\xF4\x90\x80\x80", false},
      {"first byte F5", "\xF5\x80\x80\x80", false},
      {"five bytes", "\xF8\x88\x80\x80\x80", false},
      {"overlong slash", "\xC0\xAF", false},
      {"overlong NUL", "\xC0\x80", false},
      {"overlong of three", "\xE0\x9F\xBF", false},
      {"overlong of four", "\xF0\x8F\xBF\xBF", false},
      {"surrogate", "\xED\xA0\x80", false},
      {"surrogate pair", "\xED\xA0\xBD\xED\xB8\x80", false},
      {"lone continuation", "\x80", false},
      {"cut after one of two", "a\xC3", false},
      {"cut after two of three", "a\xE2\x82", false},
      {"cut after three of four", "a\xF0\x9F\x98", false},
      {"third byte is none", "\xE2\x82z", false},
      {"fourth byte is none", "\xF0\x9F\x98z", false},
      {"FE", "\xFE", false},
  };
  for (const auto& row : kRows) {
    // At every place in a longer ASCII text, so that both loops and the borders between them see it.
    for (size_t before = 0; before < 20; ++before) {
      for (const size_t after : {0u, 1u, 7u, 8u, 9u}) {
        const std::string text = std::string(before, 'x') + row.text + std::string(after, 'y');
        EXPECT_EQ(is_valid_utf8(text), row.valid) << row.what << ", " << before << " before, " << after << " after";
        EXPECT_EQ(parser_takes(text), row.valid) << row.what;
      }
    }
  }
}

TEST(Utf8, RandomTextAgreesWithTheParser) {
  const uint64_t seed = 20240607;
  std::mt19937_64 random(seed);
  int valid = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string text;
    for (uint64_t characters = random() % 6; characters != 0; --characters) {
      const uint32_t kLimits[] = {0x80, 0x800, 0x10000, 0x110000};
      text += encode(static_cast<uint32_t>(random() % kLimits[random() % 4]));
    }
    if (random() % 2 == 0 && !text.empty()) text[random() % text.size()] = static_cast<char>(random());
    ASSERT_EQ(is_valid_utf8(text), parser_takes(text)) << "seed " << seed << ", round " << round;
    valid += is_valid_utf8(text);
  }
  EXPECT_GT(valid, 10'000);
  EXPECT_LT(valid, 45'000);
}

TEST(Utf8, CutEndsWithAWholeCharacter) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";  // 1, 2, 3, 4 and 1 bytes
  const size_t kSizes[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (size_t bytes_max = 0; bytes_max < std::size(kSizes); ++bytes_max) {
    EXPECT_EQ(cut_utf8(text, bytes_max), text.substr(0, kSizes[bytes_max])) << bytes_max;
    EXPECT_TRUE(is_valid_utf8(cut_utf8(text, bytes_max))) << bytes_max;
  }
  EXPECT_EQ(cut_utf8("", 0), "");
  EXPECT_EQ(cut_utf8("", 256), "");
}

}  // namespace
}  // namespace onehop::core
