// TopicQueue: what waits for credit, in order and bounded, and what missed it.
#include "core/rooms/topic_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace onehop::core {
namespace {

constexpr Instant kDeadline{5'000};
constexpr size_t kBytesMax = 2'000;

struct TopicMessage {
  TopicMessage(const std::string& topic, uint32_t sender, size_t payload_bytes = 100)
      : body(topic + std::string(payload_bytes, 'p')) {
    message.sender = {Origin::Kind::kSession, 0, 1, 0, {sender, 1}};
    message.destination_hash = topic.size();
    message.scanned.destination = Destination::kTopic;
    message.scanned.destination_name = Bytes(body).substr(0, topic.size());
    message.scanned.ttl_ms = 77;
    message.from_stamp = "stamp";
    message.body = body;
  }
  std::string body;
  RoutedMessage message;
};

using Told = std::vector<std::pair<std::string, uint32_t>>;

Told tell(TopicQueue& queue) {
  Told told;
  queue.tell_missed([&told](Bytes topic, const Origin&, uint64_t, uint32_t count) { told.emplace_back(topic, count); });
  return told;
}

TEST(TopicQueue, KeepsMessagesAsTheyCame) {
  Counters totals;
  TopicQueue queue(totals);
  {
    const TopicMessage gone("news", 1);
    queue.add(gone.message, kDeadline, kBytesMax);
    const TopicMessage also_gone("sport", 2);
    queue.add(also_gone.message, kDeadline, kBytesMax);
  }
  EXPECT_GT(totals.state_bytes, 210u);
  EXPECT_EQ(queue.front().from_stamp, "stamp");
  EXPECT_EQ(queue.front().scanned.destination_name, "news");
  EXPECT_EQ(queue.front().body, "news" + std::string(100, 'p'));
  EXPECT_EQ(queue.front().sender.session.index, 1u);
  EXPECT_EQ(queue.front().scanned.ttl_ms, 77u);
  EXPECT_EQ(queue.deadline(), kDeadline);
  queue.pop();
  EXPECT_EQ(queue.front().scanned.destination_name, "sport");
  queue.pop();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(totals.state_bytes, 0u);
}

TEST(TopicQueue, FromTheFirstThatDoesNotFitEverythingMisses) {
  Counters totals;
  TopicQueue queue(totals);
  int added = 0;
  for (; totals.state_bytes + 700 < kBytesMax; ++added)
    queue.add(TopicMessage("news", 1).message, kDeadline, kBytesMax);
  const uint64_t full = totals.state_bytes;
  queue.add(TopicMessage("news", 1, 1'500).message, kDeadline, kBytesMax);
  EXPECT_GT(totals.state_bytes, full);
  const uint64_t with_one_missed = totals.state_bytes;
  // There would be room for these, but they would overtake it.
  queue.add(TopicMessage("news", 1, 1).message, kDeadline, kBytesMax);
  queue.add(TopicMessage("news", 1, 1).message, kDeadline, kBytesMax);
  EXPECT_EQ(totals.state_bytes, with_one_missed) << "one number for one topic and sender";
  queue.add(TopicMessage("news", 2, 1).message, kDeadline, kBytesMax);
  queue.add(TopicMessage("weather", 1, 1).message, kDeadline, kBytesMax);
  for (; queue.has_message(); queue.pop()) --added;
  EXPECT_EQ(added, 0);
  EXPECT_FALSE(queue.empty());
  EXPECT_EQ(tell(queue), (Told{{"news", 3}, {"news", 1}, {"weather", 1}}));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(totals.state_bytes, 0u);
  queue.add(TopicMessage("news", 1).message, kDeadline, kBytesMax);
  EXPECT_TRUE(queue.has_message()) << "they are taken again";
}

}  // namespace
}  // namespace onehop::core
