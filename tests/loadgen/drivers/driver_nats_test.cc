// Tests of the NATS driver without a socket, with bytes as nats-server 2.9.10 sends and takes them.
#include <stdexcept>

#include "peer_rig.h"

namespace onehop::loadgen::test {
namespace {

const std::string kInfo =
    R"(INFO {"server_id":"NA3HT4TZH4BWLFRA","server_name":"NA3HT4TZH4BWLFRA","version":"2.9.10","proto":1,)"
    R"("go":"go1.19.8","host":"127.0.0.1","port":4222,"headers":true,"max_payload":1048576,"client_id":4} )"
    "\r\n";
const std::string kNatsConversation = kInfo +
                                      "PING\r\nPONG\r\n"
                                      "MSG amy 1 5\r\nhello\r\n"
                                      "MSG amy 1 an.inbox 0\r\n\r\n" +
                                      kInfo +
                                      "MSG amy 1 23\r\nMSG amy 1 2\r\nab\r\nPING\r\n\r\n"
                                      "PING\r\n"
                                      "MSG amy 1 9\r\nthe last.\r\n"
                                      "-ERR 'Slow Consumer'\r\n"
                                      "MSG amy 1 5\r\nnever\r\n";

std::unique_ptr<Driver> nats_driver() {
  DriverOptions options;
  options.confirm = Confirm::kNone;
  return make_nats_driver(options);
}

TEST(NatsDriver, TellsTheSameHoweverItsBytesAreCut) {
  std::string written;
  const Lines lines = play(*nats_driver(), kNatsConversation, 2, written);
  EXPECT_EQ(lines,
            (Lines{"ready nats-server 2.9.10", "message hello", "message ", "message MSG amy 1 2\r\nab\r\nPING\r\n",
                   "message the last.", "ended the NATS server says 'Slow Consumer'"}));
  EXPECT_EQ(written, R"(CONNECT {"verbose":false,"pedantic":false,"lang":"c++","echo":true,"name":"amy"})"
                     "\r\nSUB amy 1\r\nPING\r\n"
                     "PONG\r\n"
                     "PUB bob 9\r\npayload 1\r\nPUB bob 9\r\npayload 2\r\n"
                     "PONG\r\n");
}

TEST(NatsDriver, SubscribesOnlyIfItReceives) {
  Conversation conversation(nats_driver()->make_peer({"amy", false}));
  EXPECT_EQ(conversation.written(), "");
  conversation.arrive(kInfo);
  EXPECT_EQ(conversation.written().find("SUB"), std::string::npos);
  EXPECT_FALSE(conversation.diary.ready);
  conversation.arrive("PONG\r\n");
  EXPECT_TRUE(conversation.diary.ready);
  conversation.peer->leave(conversation.out);
  EXPECT_EQ(conversation.written(), "PING\r\n");
}

TEST(NatsDriver, HasLeftWhenTheLastPingIsAnswered) {
  Conversation conversation(nats_driver()->make_peer({"amy"}));
  conversation.arrive(kInfo + "PONG\r\n");
  conversation.written();
  conversation.peer->write_keepalive(conversation.out);
  conversation.peer->leave(conversation.out);
  EXPECT_EQ(conversation.written(), "PING\r\nUNSUB 1\r\nPING\r\n");
  conversation.arrive("PONG\r\nMSG amy 1 5\r\nhello\r\n");
  EXPECT_FALSE(conversation.diary.ended);
  conversation.arrive("PONG\r\n");
  EXPECT_EQ(conversation.diary.lines,
            (Lines{"ready nats-server 2.9.10", "message hello", "ended the client has left"}));
}

TEST(NatsDriver, EndsWithALineOnWhatIsNotNats) {
  const std::string open = kInfo + "PONG\r\n";
  for (const std::string& bad :
       {std::string("HTTP/1.1 400 Bad Request\r\n"), std::string("PING\n"), std::string("\n"), std::string("\r\n"),
        std::string("MSG amy 1 5\r\nhello\r\n"), std::string("PONG\r\n"), std::string(70'000, 'A'),
        std::string(R"(INFO {"version":"2.9.10","tls_required":true})") + "\r\n", std::string("-ERR 'Bad\x1b[2J'\r\n"),
        open + "MSG amy 1 \r\n", open + "MSG amy 1 -1\r\n", open + "MSG amy 1 5x\r\n", open + "MSG amy 5\r\nhello\r\n",
        open + "MSG amy 1 67108865\r\n", open + "MSG amy 1 99999999999999999999999\r\n",
        open + "MSG amy 1 4\r\nhello\r\n", open + "MSG amy 1 5\r\nhello\n\n", open + "PONG\r\n",
        open + "HMSG amy 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"}) {
    Conversation conversation(nats_driver()->make_peer({"amy"}));
    conversation.arrive(bad, of_size(1));
    ASSERT_TRUE(conversation.diary.ended) << bad.substr(0, 200);
    EXPECT_EQ(conversation.diary.lines.back().find('\x1b'), std::string::npos);
    EXPECT_EQ(conversation.in, "");
  }
}

TEST(NatsDriver, OutlivesGarbage) {
  EXPECT_GT(play_garbage(*nats_driver(), kNatsConversation, kNatsConversation.size() * 2), 1000);
}

TEST(NatsDriver, PromisesNoMoreThanTheProtocolHas) {
  EXPECT_FALSE(nats_driver()->tells());
  EXPECT_TRUE(nats_driver()->routes_by_name());
  EXPECT_EQ(nats_driver()->message_bytes_max(), size_t{1} << 20);
  for (const Confirm confirm : {Confirm::kTaken, Confirm::kDelivered}) {
    DriverOptions options;
    options.confirm = confirm;
    EXPECT_THROW(make_nats_driver(options), std::invalid_argument);
  }
}

}  // namespace
}  // namespace onehop::loadgen::test
