// The gate lets whole hellos pass in whatever pieces, and stops what is none at the first byte that shows it.
#include "tls/hello_gate.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace onehop::tls {
namespace {

std::string record(const std::string& fragment) {
  return std::string("\x16\x03\x01", 3) + static_cast<char>(fragment.size() >> 8) +
         static_cast<char>(fragment.size() & 0xff) + fragment;
}

std::string message(size_t size) {
  return std::string("\x01\x00", 2) + static_cast<char>(size >> 8) + static_cast<char>(size & 0xff) +
         std::string(size, 'h');
}

// `size` bytes a record.
std::string fragmented(const std::string& whole, size_t size) {
  std::string records;
  for (size_t at = 0; at < whole.size(); at += size) records += record(whole.substr(at, size));
  return records;
}

TEST(HelloGate, WaitsForTheLastByteOfTheMessage) {
  for (const size_t fragment : {50u, 300u}) {
    const std::string hello = fragmented(message(200), fragment);
    for (size_t size = 0; size < hello.size(); ++size) {
      EXPECT_EQ(Hello::kNeedMore, look_at_hello(hello.substr(0, size))) << size << " of " << fragment;
    }
    EXPECT_EQ(Hello::kWhole, look_at_hello(hello));
    EXPECT_EQ(Hello::kWhole, look_at_hello(hello + "what comes behind it"));
  }
}

TEST(HelloGate, TakesAMessageHeaderInPieces) {
  EXPECT_EQ(Hello::kWhole, look_at_hello(fragmented(message(4), 1)));
  EXPECT_EQ(Hello::kBroken, look_at_hello(fragmented(message(40), 1))) << "too many records";
}

TEST(HelloGate, BoundsTheHello) {
  const std::string most = fragmented(message(kHelloBytesMax - 4), 8'000);
  EXPECT_EQ(Hello::kWhole, look_at_hello(most));
  const std::string more = fragmented(message(kHelloBytesMax - 3), 8'000);
  EXPECT_EQ(Hello::kBroken, look_at_hello(more.substr(0, 9))) << "as soon as it tells its length";
}

TEST(HelloGate, StopsWhatIsBrokenAtOnce) {
  using namespace std::string_literals;
  EXPECT_EQ(Hello::kBroken, look_at_hello("\x16\x02"s)) << "SSL 2";
  EXPECT_EQ(Hello::kBroken, look_at_hello("\x16\x03\x05"s)) << "a version that is none";
  EXPECT_EQ(Hello::kBroken, look_at_hello("\x16\x03\x01\x00\x00"s)) << "an empty record";
  EXPECT_EQ(Hello::kBroken, look_at_hello("\x16\x03\x01\x40\x01"s)) << "a long record";
  EXPECT_EQ(Hello::kBroken, look_at_hello("\x16\x03\x01\x00\x04\x02"s)) << "a server's hello";
  EXPECT_EQ(Hello::kBroken, look_at_hello(record(message(200).substr(0, 50)) + "\x17\x03"s)) << "data within it";
}

TEST(HelloGate, KnowsPlaintext) {
  using namespace std::string_literals;
  EXPECT_EQ(Hello::kHttp, look_at_hello("GET / HTTP/1.1\r\n"));
  EXPECT_EQ(Hello::kNeedMore, look_at_hello("GE"));
  EXPECT_EQ(Hello::kPlaintext, look_at_hello("GEXX"));
  EXPECT_EQ(Hello::kPlaintext, look_at_hello("\x05"s));
  EXPECT_EQ(Hello::kPlaintext, look_at_hello("\0"s));
  EXPECT_EQ(Hello::kPlaintext, look_at_hello("\xff"s));
  EXPECT_EQ(Hello::kPlaintext, look_at_hello("SSH-2.0\r\n"));
}

// A gate that has stopped something never lets it pass later, and what it lets pass it waited for with patience only.
TEST(HelloGate, JudgesMutatedHellosTheSameInAnyPieces) {
  for (uint32_t seed = 0; seed < 5'000; ++seed) {
    std::mt19937 random(seed);
    std::string bytes = fragmented(message(random() % 300), 1 + random() % 200);
    for (uint32_t changes = random() % 4; changes != 0 && !bytes.empty(); --changes) {
      const size_t at = random() % bytes.size();
      if (random() % 3 == 0) {
        bytes.erase(at, 1 + random() % 3);
      } else {
        bytes[at] = static_cast<char>(random());
      }
    }
    Hello before = Hello::kNeedMore;
    for (size_t size = 0; size <= bytes.size(); ++size) {
      const Hello now = look_at_hello(bytes.substr(0, size));
      if (before != Hello::kNeedMore) {
        ASSERT_EQ(before, now) << "seed " << seed << " at " << size;
      }
      before = now;
    }
  }
}

}  // namespace
}  // namespace onehop::tls
