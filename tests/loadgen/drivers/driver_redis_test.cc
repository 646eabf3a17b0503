// Tests of the Redis driver without a socket, with bytes as redis-server 7.0.15 sends and takes them.
#include <stdexcept>

#include "peer_rig.h"

namespace onehop::loadgen::test {
namespace {

const std::string kHello =
    "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:3\r\n"
    "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n"
    "*1\r\n%2\r\n$4\r\nname\r\n$2\r\nbf\r\n$3\r\nver\r\n:20208\r\n";
const std::string kSubscribed = ">3\r\n$9\r\nsubscribe\r\n$3\r\namy\r\n:1\r\n";
const std::string kRedisConversation = kHello + kSubscribed +
                                       ":1\r\n"
                                       ">3\r\n$7\r\nmessage\r\n$3\r\namy\r\n$5\r\nhello\r\n"
                                       ":2\r\n:0\r\n"
                                       "+PONG\r\n"
                                       ">3\r\n$7\r\nmessage\r\n$3\r\namy\r\n$0\r\n\r\n"
                                       ":0\r\n:1\r\n"
                                       ">3\r\n$7\r\nmessage\r\n$3\r\namy\r\n$14\r\n:1\r\n$5\r\n-ERR\r\n\r\n"
                                       "+OK\r\n"
                                       "-ERR out of order\r\n"
                                       ":1\r\n";

std::unique_ptr<Driver> redis_driver(Confirm confirm = Confirm::kTaken) {
  DriverOptions options;
  options.confirm = confirm;
  return make_redis_driver(options);
}

TEST(RedisDriver, TellsTheSameHoweverItsBytesAreCut) {
  std::string written;
  const Lines lines = play(*redis_driver(), kRedisConversation, 6, written);
  EXPECT_EQ(lines, (Lines{"ready redis 7.0.15", "message hello", "message ", "message :1\r\n$5\r\n-ERR\r\n",
                          "ended the Redis server says ERR out of order", "1 ADMITTED", "2 ADMITTED",
                          "3 REJECTED NO_SUBSCRIBER", "4 REJECTED NO_SUBSCRIBER", "5 ADMITTED"}));
  std::string expected =
      "*4\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$7\r\nSETNAME\r\n$3\r\namy\r\n*2\r\n$9\r\nSUBSCRIBE\r\n$3\r\namy\r\n";
  for (const char* number : {"1", "2", "3", "4", "5", "6"}) {
    expected += std::string("*3\r\n$7\r\nPUBLISH\r\n$3\r\nbob\r\n$9\r\npayload ") + number + "\r\n";
  }
  EXPECT_EQ(written, expected);
}

TEST(RedisDriver, TellsNothingUnlessAsked) {
  const std::unique_ptr<Driver> silent = redis_driver(Confirm::kNone);
  EXPECT_FALSE(silent->tells());
  EXPECT_TRUE(redis_driver()->tells());
  std::string written;
  const Lines lines = play(*silent, kRedisConversation, 6, written);
  EXPECT_EQ(lines, (Lines{"ready redis 7.0.15", "message hello", "message ", "message :1\r\n$5\r\n-ERR\r\n",
                          "ended the Redis server says ERR out of order"}));
}

// Answers are counted even if they are not told.
TEST(RedisDriver, EndsOnAnAnswerTooMany) {
  Conversation conversation(redis_driver(Confirm::kNone)->make_peer({"amy", false}));
  conversation.arrive(kHello);
  conversation.send(1, "bob", "payload");
  conversation.arrive(":1\r\n");
  EXPECT_FALSE(conversation.diary.ended);
  conversation.arrive(":1\r\n");
  EXPECT_TRUE(conversation.diary.ended);
}

TEST(RedisDriver, TellsOfABatchAtOnce) {
  Conversation conversation(redis_driver()->make_peer({"amy", false}));
  conversation.arrive(kHello);
  for (uint64_t id = 1; id <= 100; ++id) conversation.send(id, "bob", "payload");
  std::string replies;
  for (uint64_t id = 1; id <= 100; ++id) replies += id <= 60 ? ":1\r\n" : ":0\r\n";
  conversation.arrive(replies);
  EXPECT_EQ(conversation.diary.told.size(), 100U);
  EXPECT_EQ(conversation.diary.told[59], "60 ADMITTED");
  EXPECT_EQ(conversation.diary.told[60], "61 REJECTED NO_SUBSCRIBER");
  EXPECT_EQ(conversation.diary.tellings, 2U);
}

TEST(RedisDriver, SubscribesOnlyIfItReceives) {
  Conversation conversation(redis_driver()->make_peer({"amy", false}));
  EXPECT_EQ(conversation.written(), "*4\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$7\r\nSETNAME\r\n$3\r\namy\r\n");
  conversation.arrive(kHello);
  EXPECT_TRUE(conversation.diary.ready);
  conversation.peer->write_keepalive(conversation.out);
  conversation.peer->leave(conversation.out);
  EXPECT_EQ(conversation.written(), "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n");
}

TEST(RedisDriver, IsReadyOnlyWhenSubscribed) {
  Conversation conversation(redis_driver()->make_peer({"amy"}));
  conversation.arrive(kHello);
  EXPECT_FALSE(conversation.diary.ready);
  conversation.arrive(kSubscribed);
  EXPECT_TRUE(conversation.diary.ready);
}

TEST(RedisDriver, EndsWithALineOnWhatIsNotRedis) {
  const std::string open = kHello + kSubscribed;
  std::string large;
  large.resize(60'000'000, 'x');
  for (const std::string& bad : {std::string("HTTP/1.1 400 Bad Request\r\n"),
                                 std::string(":1\n"),
                                 std::string("\r\n"),
                                 std::string("+\n"),
                                 std::string("-NOAUTH HELLO must be called with the client already authenticated\r\n"),
                                 std::string(70'000, '+'),
                                 std::string("*257\r\n"),
                                 std::string("*99999999999999999999999\r\n"),
                                 std::string("*-1\r\n"),
                                 std::string("$-1\r\n"),
                                 std::string("$67174401\r\n"),
                                 std::string("$5x\r\n"),
                                 std::string("$2\r\nabc\r\n"),
                                 std::string("$18446744073709551615\r\n"),
                                 kSubscribed,
                                 std::string(":1\r\n"),
                                 open + ":1\r\n",
                                 open + ":-1\r\n",
                                 open + kSubscribed,
                                 open + kHello,
                                 open + "_\r\n",
                                 open + ">3\r\n$7\r\nmessage\r\n$3\r\namy\r\n:5\r\n",
                                 open + ">2\r\n$7\r\nmessage\r\n$3\r\namy\r\n",
                                 open + ">3\r\n*1\r\n$7\r\nmessage\r\n$3\r\namy\r\n$1\r\nx\r\n",
                                 open + ">3\r\n$8\r\npmessage\r\n$3\r\namy\r\n$1\r\nx\r\n",
                                 open + ">3\r\n$7\r\nmessage\r\n*1\r\n$1\r\nx\r\n$1\r\ny\r\n",
                                 open + ">3\r\n$7\r\nmessage\r\n$60000000\r\n" + large + "\r\n$60000000\r\n"}) {
    Conversation conversation(redis_driver()->make_peer({"amy"}));
    conversation.arrive(bad, bad.size() < 100'000 ? of_size(1) : whole());
    EXPECT_TRUE(conversation.diary.ended) << bad.substr(0, 200);
    EXPECT_EQ(conversation.in, "");
  }
}

TEST(RedisDriver, BoundsWhatNests) {
  Conversation conversation(redis_driver()->make_peer({"amy"}));
  std::string deep;
  for (int depth = 0; depth < 255; ++depth) deep += "*1\r\n";
  conversation.arrive(deep);
  EXPECT_FALSE(conversation.diary.ended);
  conversation.arrive("*1\r\n:1\r\n");
  EXPECT_TRUE(conversation.diary.ended);

  Conversation wide(redis_driver()->make_peer({"amy"}));
  wide.arrive("%128\r\n");
  EXPECT_FALSE(wide.diary.ended);
  wide.arrive("+\r\n");
  EXPECT_TRUE(wide.diary.ended);
}

TEST(RedisDriver, OutlivesGarbage) {
  EXPECT_GT(play_garbage(*redis_driver(), kRedisConversation, kRedisConversation.size() * 2), 1000);
}

TEST(RedisDriver, PromisesNoMoreThanTheProtocolHas) {
  EXPECT_THROW(redis_driver(Confirm::kDelivered), std::invalid_argument);
}

}  // namespace
}  // namespace onehop::loadgen::test
