// Random messages, most of them nearly right: the scan, the slow check and protobuf's parser must agree on each, and
// every reason to refuse must have come up.
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

#include "message_oracle.h"

namespace onehop::fuzz {
namespace {

using core::ScanError;

class MessageMaker {
 public:
  explicit MessageMaker(uint64_t seed) : random_(seed) {}

  std::string make() {
    std::string body;
    if (!one_in(20)) body = known_field(1 + below(one_in(10) ? 3 : 1));
    for (uint64_t fields = below(6); fields != 0; --fields) body += field();
    if (one_in(20)) body += headers();
    if (one_in(6)) damage(body);
    return body;
  }

 private:
  uint64_t below(uint64_t limit) { return random_() % limit; }
  bool one_in(uint64_t times) { return below(times) == 0; }

  std::string varint(uint64_t value) {
    std::string out;
    while (value >= 128) {
      out.push_back(static_cast<char>(value % 128 + 128));
      value /= 128;
    }
    out.push_back(static_cast<char>(value));
    // Sometimes longer than needed, and sometimes much too long.
    if (one_in(60)) {
      out.back() = static_cast<char>(out.back() | 0x80);
      out += std::string(below(11), '\x80') + static_cast<char>(below(3));
    }
    return out;
  }

  std::string tag(uint64_t number, uint64_t type) {
    const uint64_t value = number * 8 + type;
    return one_in(100) ? varint(value | random_()) : varint(value);
  }

  std::string text(uint64_t size) {
    std::string out;
    for (; size != 0; --size) out.push_back(static_cast<char>('a' + below(26)));
    if (one_in(4)) out += "\xC3\xA9";
    if (one_in(60)) out += static_cast<char>(0x80 + below(0x80));
    return out;
  }

  std::string value(uint64_t type) {
    switch (type) {
      case 0:
        return varint(random_() >> below(64));
      case 1:
        return text(8).substr(0, 8);
      case 5:
        return text(4).substr(0, 4);
      case 2: {
        const std::string body = one_in(50) ? text(2) : text(below(12));
        return varint(body.size() + (one_in(200) ? 1 : 0)) + body;
      }
      default:
        return "";
    }
  }

  std::string known_field(uint64_t number) {
    const uint64_t type = number <= 3 || number == 15 ? 2 : number == 13 ? 1 : 0;
    return tag(number, type) + value(type);
  }

  std::string field() {
    const uint64_t kKnown[] = {5, 6, 8, 9, 13, 15, 16};
    if (one_in(80)) return known_field(1 + below(3));
    if (one_in(50)) return known_field(below(32));
    if (one_in(80)) return tag(below(40), 3 + below(5)) + value(below(6));
    if (one_in(80)) return tag(below(17), below(6)) + value(below(6));
    if (one_in(6)) return header();
    if (one_in(3)) {
      const uint64_t kTypes[] = {0, 1, 2, 5};
      const uint64_t type = kTypes[below(4)];
      return tag(one_in(2) ? 17 + below(7) : 32 + below(1u << below(29)), type) + value(type);
    }
    return known_field(kKnown[below(7)]);
  }

  std::string header() {
    std::string body;
    if (!one_in(10)) body += tag(1, 2) + value(2);
    if (!one_in(10)) body += tag(2, 2) + value(2);
    if (one_in(20)) body += tag(below(4), below(6)) + value(below(6));
    return tag(11, 2) + varint(body.size()) + body;
  }

  // Near one of the two limits, and otherwise without a fault.
  std::string headers() {
    if (one_in(2)) {
      std::string out;
      for (uint64_t count = 62 + below(5); count != 0; --count) out += std::string("\x5A\x00", 2);
      return out;
    }
    // Four bodies of 2 KiB, give or take a byte: a tag, two bytes of length, the value.
    std::string out;
    for (int count = 4; count != 0; --count) {
      const uint64_t size = 2044 + below(3);
      char length[2];
      core::write_varint(length, size + 3);
      out += '\x5A' + std::string(length, 2);
      core::write_varint(length, size);
      out += '\x12' + std::string(length, 2) + std::string(size, 'v');
    }
    return out;
  }

  void damage(std::string& body) {
    if (body.empty()) return;
    switch (below(3)) {
      case 0:
        body[below(body.size())] = static_cast<char>(below(256));
        break;
      case 1:
        body.resize(below(body.size()));
        break;
      default:
        body.insert(below(body.size()), 1, static_cast<char>(below(256)));
        break;
    }
  }

  std::mt19937_64 random_;
};

TEST(MessageDifferential, TheScanAgreesWithTheSlowCheckAndTheParser) {
  constexpr uint64_t kSeed = 7411;
  constexpr int kMessages = 60'000;
  MessageMaker maker(kSeed);
  int taken = 0;
  std::set<ScanError> refusals;
  for (int round = 0; round < kMessages; ++round) {
    const std::string body = maker.make();
    ASSERT_EQ(message_disagreement(body), "") << "seed " << kSeed << ", message " << round;
    core::ScannedMessage message;
    const ScanError error = core::scan_message(body, {}, message);
    if (error == ScanError::kNone) {
      ++taken;
    } else {
      refusals.insert(error);
    }
  }
  EXPECT_GT(taken, kMessages / 4);
  EXPECT_LT(taken, kMessages * 3 / 4);
  for (int error = 1; error < static_cast<int>(ScanError::kFrameNotLengthDelimited); ++error) {
    EXPECT_EQ(refusals.count(static_cast<ScanError>(error)), 1u) << core::describe(static_cast<ScanError>(error));
  }
}

TEST(MessageDifferential, FramesToo) {
  constexpr uint64_t kSeed = 1147;
  MessageMaker maker(kSeed);
  std::set<ScanError> answers;
  for (int round = 0; round < 30'000; ++round) {
    // A message is a frame, nearly: one with a single field passes.
    const std::string frame = maker.make();
    ASSERT_EQ(frame_disagreement(frame), "") << "seed " << kSeed << ", frame " << round;
    core::FrameField field;
    answers.insert(core::scan_frame(frame, field));
  }
  for (const ScanError answer : {ScanError::kNone, ScanError::kFrameSecondField, ScanError::kFrameNotLengthDelimited,
                                 ScanError::kTagCutShort, ScanError::kLengthPastEnd}) {
    EXPECT_EQ(answers.count(answer), 1u) << core::describe(answer);
  }
}

}  // namespace
}  // namespace onehop::fuzz
