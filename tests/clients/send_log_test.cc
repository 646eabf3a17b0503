// SendLog alone: memory that stays within its bounds however messages settle, and what is written again.
#include "client/send_log.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace onehop::client {
namespace {

std::string body_of(uint64_t id) {
  return "\x0A\x03"
         "bob\x30\x01 body " +
         std::to_string(id);
}

uint64_t append(SendLog& log, const std::string& body) {
  const uint64_t id = log.next_id();
  char* at = log.append_message(id, body.size(), {0, true, false});
  std::copy(body.begin(), body.end(), at);
  return id;
}

void settle(SendLog& log, uint64_t id) {
  SendLog::Record& record = log[log.place_from(id)];
  ASSERT_EQ(record.id, id);
  EXPECT_EQ(log.take(record), id);
  log.drop(record);
  log.tidy();
}

std::string unsent(const SendLog& log) {
  std::array<std::string_view, 64> pieces;
  std::string bytes;
  const size_t count = log.gather(pieces);
  for (size_t i = 0; i < count; ++i) bytes += pieces[i];
  return bytes;
}

std::string write_all(SendLog& log) {
  std::string bytes = unsent(log);
  log.on_written(bytes.size());
  log.tidy();
  return bytes;
}

TEST(SendLog, AFewOldMessagesDoNotKeepTheMemoryOfTheRest) {
  SendLog log;
  std::vector<uint64_t> old;
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t id = append(log, body_of(log.next_id()));
    write_all(log);
    if (i % 5'000 == 0) {
      old.push_back(id);
    } else {
      settle(log, id);
    }
    ASSERT_LE(log.chunk_capacity(), 2 * log.kept_bytes() + SendLog::kSparseBytesMax + (64 << 10));
    ASSERT_LE(log.size(), 2 * log.messages() + SendLog::kHolesMax);
  }
  EXPECT_GT(log.messages_apart(), 0U);
  EXPECT_EQ(log.messages(), old.size());
  for (const uint64_t id : old) {
    EXPECT_EQ(log[log.place_from(id)].body_bytes(), body_of(id));
    settle(log, id);
  }
  EXPECT_EQ(log.size(), 0U);
  EXPECT_EQ(log.kept_bytes(), 0U);
  EXPECT_EQ(log.confirmed_bytes(), 0U);
  EXPECT_EQ(log.chunk_capacity(), 0U);
  EXPECT_EQ(log.messages_apart(), 0U);
}

TEST(SendLog, SettlesBackwardsToo) {
  SendLog log;
  for (int i = 0; i < 10'000; ++i) append(log, body_of(log.next_id()));
  while (!unsent(log).empty()) write_all(log);
  for (uint64_t id = 10'000; id != 0; --id) {
    settle(log, id);
    ASSERT_LE(log.size(), 2 * log.messages() + SendLog::kHolesMax);
    ASSERT_LE(log.chunk_capacity(), 2 * log.kept_bytes() + SendLog::kSparseBytesMax + (64 << 10));
  }
  EXPECT_EQ(log.chunk_capacity(), 0U);
}

TEST(SendLog, WhatIsNotWrittenStaysInItsPlace) {
  SendLog log;
  std::string expected;
  for (int i = 0; i < 20'000; ++i) append(log, body_of(log.next_id()));
  expected = unsent(log);
  // Taken before it was written: it is on the stream all the same.
  for (uint64_t id = 1; id < 20'000; ++id) settle(log, id);
  std::string written;
  while (!unsent(log).empty()) written += write_all(log);
  EXPECT_EQ(written.substr(0, expected.size()), expected);
  EXPECT_EQ(log.messages(), 1U);
}

TEST(SendLog, RestartKeepsWhatIsOpenAndWritesAgainFromAnId) {
  SendLog log;
  for (int i = 0; i < 5; ++i) append(log, body_of(log.next_id()));
  const std::string stream = unsent(log);
  const size_t one = stream.size() / 5;
  log.on_written(3 * one + 1);
  settle(log, 2);
  for (int i = 0; i < 2; ++i) {
    log.restart();
    EXPECT_TRUE(unsent(log).empty());
    EXPECT_EQ(log.chunk_capacity(), 0U);
    EXPECT_TRUE(log.was_written(log[log.place_from(3)]));
    EXPECT_FALSE(log.was_written(log[log.place_from(4)])) << "the cut went through it";
  }
  log.write_again_from(3);
  EXPECT_EQ(unsent(log), stream.substr(2 * one));
  EXPECT_EQ(log.messages_apart(), 1U);
  EXPECT_FALSE(log.was_written(log[log.place_from(3)]));
  write_all(log);
  EXPECT_TRUE(log.was_written(log[log.place_from(5)]));
  EXPECT_EQ(append(log, body_of(6)), 6U);
  for (const uint64_t id : {4U, 1U, 6U, 3U, 5U}) {
    EXPECT_EQ(log[log.place_from(id)].body_bytes(), body_of(id));
    settle(log, id);
  }
  EXPECT_EQ(log.kept_bytes(), 0U);
}

}  // namespace
}  // namespace onehop::client
