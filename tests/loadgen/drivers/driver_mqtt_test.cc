// Tests of the MQTT driver without a socket, with bytes as the standard (3.1.1) defines them.
#include <stdexcept>

#include "peer_rig.h"

namespace onehop::loadgen::test {
namespace {

using namespace std::string_literals;

constexpr uint32_t kPacketIds = 65'535;

std::unique_ptr<Driver> mqtt_driver(Confirm confirm, uint32_t keepalive_ms = 30'000) {
  DriverOptions options;
  options.confirm = confirm;
  options.keepalive_ms = keepalive_ms;
  return make_mqtt_driver(options);
}

const std::string kConnected = "\x20\x02\x00\x00"s;
const std::string kSubscribed0 = "\x90\x03\x00\x01\x00"s;
const std::string kSubscribed1 = "\x90\x03\x00\x01\x01"s;

std::string ack(uint64_t packet) {
  return "\x40\x02"s + static_cast<char>(packet >> 8) + static_cast<char>(packet & 0xFF);
}

// Lengths below 128, from 128 on and from 128 * 128 on take one, two and three bytes.
const std::string kLong(200, 'l');
const std::string kLonger(20'000, 'L');
const std::string kConversation0 = kConnected + kSubscribed0 + "\x30\x0A\x00\x03"s + "amyhello" + "\xD0\x00"s +
                                   "\x30\x05\x00\x03"s + "amy" + "\x31\xCD\x01\x00\x03"s + "amy" + kLong +
                                   "\x30\xA5\x9C\x01\x00\x03"s + "amy" + kLonger + "\xE0\x00"s;
const std::string kConversation1 = kConnected + kSubscribed1 + ack(1) + "\x32\x0C\x00\x03"s + "amy\x00\x07hello"s +
                                   ack(2) + ack(4) + "\x3A\x07\x00\x03"s + "amy\xFF\xFF"s + ack(3) + "\xD0\x00"s +
                                   "\x32\xCF\x01\x00\x03"s + "amy\x12\x34" + kLong + ack(5) + ack(5);

TEST(MqttDriver, TellsTheSameHoweverItsBytesAreCut) {
  std::string written;
  const Lines lines = play(*mqtt_driver(Confirm::kNone), kConversation0, 2, written);
  EXPECT_EQ(lines, (Lines{"ready ", "message hello", "message ", "message " + kLong, "message " + kLonger,
                          "ended not MQTT, or not now: a packet of type 14 with 0 bytes"}));
  EXPECT_EQ(written, "\x10\x0F\x00\x04MQTT\x04\x02\x00\x1E\x00\x03"s + "amy" + "\x82\x08\x00\x01\x00\x03"s +
                         "amy\x00"s + "\x30\x0E\x00\x03"s + "bobpayload 1" + "\x30\x0E\x00\x03"s + "bobpayload 2");
}

TEST(MqttDriver, TellsWhatTheBrokerTook) {
  std::string written;
  const Lines lines = play(*mqtt_driver(Confirm::kTaken), kConversation1, 5, written);
  EXPECT_EQ(lines, (Lines{"ready ", "message hello", "message ", "message " + kLong,
                          "ended not MQTT: an acknowledgement of packet 5, which is not under way", "1 ADMITTED",
                          "2 ADMITTED", "4 ADMITTED", "3 ADMITTED", "5 ADMITTED"}));
  std::string expected =
      "\x10\x0F\x00\x04MQTT\x04\x02\x00\x1E\x00\x03"s + "amy" + "\x82\x08\x00\x01\x00\x03"s + "amy\x01";
  for (char number = 1; number <= 5; ++number) {
    expected += "\x32\x10\x00\x03"s + "bob\x00"s + number + "payload " + static_cast<char>('0' + number);
  }
  EXPECT_EQ(written, expected + ack(7) + ack(0xFFFF) + ack(0x1234));
}

// These are the sizes around those where the length of a packet takes one byte more.
TEST(MqttDriver, WritesLengthsAsTheStandardSays) {
  for (const auto& [size, length] : std::vector<std::pair<size_t, std::string>>{{127, "\x7F"s},
                                                                                {128, "\x80\x01"s},
                                                                                {16'383, "\xFF\x7F"s},
                                                                                {16'384, "\x80\x80\x01"s},
                                                                                {2'097'151, "\xFF\xFF\x7F"s},
                                                                                {2'097'152, "\x80\x80\x80\x01"s}}) {
    Conversation conversation(mqtt_driver(Confirm::kNone)->make_peer({"amy", false}));
    conversation.arrive(kConnected);
    conversation.written();
    const std::string payload(size - 5, 'p');
    conversation.send(1, "bob", payload);
    EXPECT_EQ(conversation.written(), "\x30"s + length + "\x00\x03"s + "bob" + payload);
  }
}

TEST(MqttDriver, SubscribesOnlyIfItReceives) {
  Conversation conversation(mqtt_driver(Confirm::kTaken, 1)->make_peer({"amy", false}));
  EXPECT_EQ(conversation.written(), "\x10\x0F\x00\x04MQTT\x04\x02\x00\x01\x00\x03"s + "amy");
  conversation.arrive(kConnected);
  EXPECT_TRUE(conversation.diary.ready);
  conversation.peer->write_keepalive(conversation.out);
  conversation.peer->leave(conversation.out);
  EXPECT_EQ(conversation.written(), "\xC0\x00\xE0\x00"s);
}

// Keepalives are whole seconds in 16 bits, rounded up.
TEST(MqttDriver, KeepsAliveAsAsked) {
  for (const auto& [keepalive_ms, bytes] : std::vector<std::pair<uint32_t, std::string>>{
           {0, "\x00\x00"s}, {1000, "\x00\x01"s}, {1001, "\x00\x02"s}, {300'000, "\x01\x2C"s}, {~0U, "\xFF\xFF"s}}) {
    Conversation conversation(mqtt_driver(Confirm::kNone, keepalive_ms)->make_peer({"amy", false}));
    EXPECT_EQ(conversation.written().substr(10, 2), bytes) << keepalive_ms;
  }
}

// The ids go round twice. Each packet id is used again, and only when it is free.
TEST(MqttDriver, UsesPacketIdsAgainWhenTheyAreFree) {
  Conversation conversation(mqtt_driver(Confirm::kTaken)->make_peer({"amy", false}));
  conversation.arrive(kConnected);
  uint64_t sent = 0;
  const auto fill = [&] {
    while (conversation.peer->may_send()) conversation.send(++sent, "b", "");
  };
  conversation.written();
  fill();
  ASSERT_EQ(sent, kPacketIds);
  EXPECT_EQ(conversation.written().substr(size_t{7} * (kPacketIds - 1)), "\x32\x05\x00\x01"s + "b\xFF\xFF");

  // All but the oldest are acknowledged. The next message needs the packet id of the oldest one.
  std::string acks;
  for (uint64_t packet = kPacketIds; packet >= 2; --packet) acks += ack(packet);
  conversation.arrive(acks, random_pieces(1));
  EXPECT_EQ(conversation.diary.told.size(), kPacketIds - 1);
  EXPECT_FALSE(conversation.peer->may_send());
  conversation.arrive(ack(1));
  EXPECT_TRUE(conversation.peer->may_send());
  fill();
  ASSERT_EQ(sent, 2 * kPacketIds);
  EXPECT_EQ(conversation.written().substr(0, 14),
            "\x32\x05\x00\x01"s + "b\x00\x01"s + "\x32\x05\x00\x01"s + "b\x00\x02"s);

  conversation.diary.told.clear();
  conversation.diary.tellings = 0;
  acks.clear();
  for (uint64_t packet = 1; packet <= 1000; ++packet) acks += ack(packet);
  conversation.arrive(acks);
  ASSERT_EQ(conversation.diary.told.size(), 1000U);
  EXPECT_EQ(conversation.diary.told.front(), "65536 ADMITTED");
  EXPECT_EQ(conversation.diary.told.back(), "66535 ADMITTED");
  EXPECT_EQ(conversation.diary.tellings, 1U);
  fill();
  EXPECT_EQ(sent, 2 * kPacketIds + 1000);
  EXPECT_FALSE(conversation.diary.ended);
}

TEST(MqttDriver, EndsWithALineOnWhatIsNotMqtt) {
  const std::string open = kConnected + kSubscribed1;
  for (const std::string& bad : {"HTTP/1.1 400 Bad Request\r\n"s,
                                 "\x20\x02\x00\x05"s,
                                 "\x20\x02\x00\x09"s,
                                 "\x20\x03\x00\x00\x00"s,
                                 "\x20\xFF\xFF\xFF\xFF"s,
                                 "\x30\xFF\xFF\xFF\x7F"s,
                                 kSubscribed1,
                                 "\x30\x05\x00\x03"s + "amy",
                                 kConnected + kConnected,
                                 kConnected + kSubscribed0,
                                 kConnected + "\x90\x03\x00\x01\x80"s,
                                 kConnected + "\x90\x03\x00\x02\x01"s,
                                 open + kSubscribed1,
                                 open + "\xD0\x01x"s,
                                 open + ack(0),
                                 open + ack(1),
                                 open + ack(0xFFFF),
                                 open + "\x30\x01\x00"s,
                                 open + "\x30\x00"s,
                                 open + "\x30\x04\x00\x03"s + "am",
                                 open + "\x32\x06\x00\x03"s + "amy\x01",
                                 open + "\x32\x07\x00\x03"s + "amy\x00\x00"s,
                                 open + "\x34\x07\x00\x03"s + "amy\x00\x01"s,
                                 open + "\x36\x07\x00\x03"s + "amy\x00\x01"s,
                                 open + "\x00\x00"s}) {
    Conversation conversation(mqtt_driver(Confirm::kTaken)->make_peer({"amy"}));
    conversation.arrive(bad, of_size(1));
    EXPECT_TRUE(conversation.diary.ended) << ::testing::PrintToString(bad);
    EXPECT_EQ(conversation.in, "");
  }
}

TEST(MqttDriver, SaysWhatWasRefused) {
  for (const auto& [bytes, line] : std::vector<std::pair<std::string, std::string>>{
           {"\x20\x02\x00\x05"s, "ended the MQTT broker refuses the connection: not authorized"},
           {"\x20\x02\x00\x09"s, "ended the MQTT broker refuses the connection: code 9"},
           {kConnected + "\x90\x03\x00\x01\x80"s, "ended the MQTT broker refuses the subscription"},
           {kConnected + kSubscribed0, "ended the MQTT broker grants QoS 0 and not 1"}}) {
    Conversation conversation(mqtt_driver(Confirm::kTaken)->make_peer({"amy"}));
    conversation.arrive(bytes);
    EXPECT_EQ(conversation.diary.lines, (Lines{line}));
  }
}

// The message is acknowledged before an older one, and then again.
TEST(MqttDriver, EndsOnASecondAcknowledgement) {
  Conversation conversation(mqtt_driver(Confirm::kTaken)->make_peer({"amy", false}));
  conversation.arrive(kConnected);
  for (uint64_t id = 1; id <= 3; ++id) conversation.send(id, "bob", "payload");
  conversation.arrive(ack(2));
  EXPECT_FALSE(conversation.diary.ended);
  conversation.arrive(ack(2) + ack(1));
  EXPECT_EQ(conversation.diary.told, (Lines{"2 ADMITTED"}));
  EXPECT_TRUE(conversation.diary.ended);
}

// With QoS 0 nothing is acknowledged, so an acknowledgement is an error.
TEST(MqttDriver, EndsOnWhatWasNotAskedFor) {
  for (const std::string& bad : {ack(1), "\x32\x07\x00\x03"s + "amy\x00\x01"s}) {
    Conversation conversation(mqtt_driver(Confirm::kNone)->make_peer({"amy"}));
    conversation.arrive(kConnected + kSubscribed0);
    conversation.send(1, "bob", "payload");
    EXPECT_TRUE(conversation.peer->may_send());
    conversation.arrive(bad);
    EXPECT_TRUE(conversation.diary.ended);
  }
}

TEST(MqttDriver, OutlivesGarbage) {
  EXPECT_GT(play_garbage(*mqtt_driver(Confirm::kTaken), kConversation1, kConversation1.size() * 2), 1000);
  EXPECT_GT(play_garbage(*mqtt_driver(Confirm::kNone), kConversation0, kConversation0.size() * 2), 1000);
}

TEST(MqttDriver, PromisesNoMoreThanTheProtocolHas) {
  EXPECT_TRUE(mqtt_driver(Confirm::kTaken)->tells());
  EXPECT_FALSE(mqtt_driver(Confirm::kNone)->tells());
  EXPECT_THROW(mqtt_driver(Confirm::kDelivered), std::invalid_argument);
}

}  // namespace
}  // namespace onehop::loadgen::test
