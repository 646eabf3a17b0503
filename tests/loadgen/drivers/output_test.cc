// An output is a queue of bytes. A string serves as the model.
#include "loadgen/drivers/output.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "loadgen/measure/random.h"

namespace onehop::loadgen {
namespace {

std::string random_bytes(Random& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.below(256));
  return bytes;
}

TEST(Output, AgreesWithAString) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    Output output;
    std::string expected;
    for (int step = 0; step < 300; ++step) {
      // Sizes are often similar to what is there, so that room is made in every way.
      const uint32_t size_max = random.below(4) == 0 ? 3000 : 200;
      const std::string bytes = random_bytes(random, random.below(size_max));
      switch (random.below(8)) {
        case 0:
        case 1:
          output.append(bytes);
          expected += bytes;
          break;
        case 2: {
          // The writer writes less than it asked for.
          const size_t spare = random.below(100);
          char* out = output.reserve(bytes.size() + spare);
          std::copy(bytes.begin(), bytes.end(), out);
          output.commit(out + bytes.size());
          expected += bytes;
          break;
        }
        case 3:
        case 4:
        case 5: {
          const size_t sent = random.below(static_cast<uint32_t>(output.size()) + 1);
          output.consume(sent);
          expected.erase(0, sent);
          break;
        }
        case 6:
          output.release();
          break;
        default:
          if (random.below(2) == 0) output.consume(expected.size());
          if (random.below(4) == 0) output.clear();
          if (output.empty()) expected.clear();
      }
      ASSERT_EQ(output.bytes(), expected) << "seed " << seed;
      ASSERT_EQ(output.size(), expected.size());
      ASSERT_EQ(output.empty(), expected.empty());
    }
  }
}

TEST(Output, NothingCanBeAppendedToNothing) {
  Output output;
  output.append({});
  output.append("");
  EXPECT_TRUE(output.empty());
  output.release();
  output.append("a");
  EXPECT_EQ(output.bytes(), "a");
}

TEST(Output, AFullOneKeepsItsMemoryAndAnEmptyOneGivesItBack) {
  Output output;
  output.append("abc");
  output.release();
  EXPECT_EQ(output.bytes(), "abc");
  output.consume(3);
  output.release();
  EXPECT_EQ(output.bytes().data(), nullptr);
}

TEST(Output, WhatWasSentMakesRoom) {
  Output output;
  const char* const memory = output.reserve(1);
  output.append(std::string(500, 'a'));
  output.consume(400);
  output.append(std::string(100, 'b'));  // This fits only after the rest has moved to the front.
  EXPECT_EQ(output.bytes(), std::string(100, 'a') + std::string(100, 'b'));
  EXPECT_EQ(output.bytes().data(), memory);
}

}  // namespace
}  // namespace onehop::loadgen
