// What a shard reads while others wait: at the accept, and on and on where many are to be written to.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

// A broker of one shard that does nothing from the moment the session "porter" has begun until it is let go on: what is
// sent meanwhile is all there when it looks again.
class HeldUpBroker {
 public:
  explicit HeldUpBroker(BrokerOptions options = test_options()) {
    options.on_event = [this](const BrokerEvent& e) {
      if (e.kind != BrokerEvent::Kind::kSessionOpened || e.name != "porter") return;
      held_.set_value();
      go_on_.get_future().wait();
    };
    std::string error;
    broker_ = Broker::start(options, error);
    if (broker_ == nullptr) throw std::runtime_error(error);
  }

  Broker* operator->() { return broker_.get(); }
  std::string address() const { return broker_->addresses().front(); }
  // Returns how many bytes the porter sent.
  size_t hold_up() {
    const std::string connect = wire(connect_frame("porter"));
    porter_ = std::make_unique<RawClient>(address());
    porter_->send_bytes(connect);
    held_.get_future().wait();
    return connect.size();
  }
  void let_go_on() { go_on_.set_value(); }

 private:
  std::promise<void> held_, go_on_;
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<RawClient> porter_;
};

TEST(Reading, WhatIsThereAtTheAcceptIsTakenAndCounted) {
  HeldUpBroker broker;
  size_t sent = broker.hold_up();
  const std::string bytes = wire(connect_frame("early")) + wire(message_frame("early", 1, "to myself")) +
                            wire(message_frame("nobody", 2, ""));
  RawClient early(broker.address());
  early.send_bytes(bytes);
  RawClient stranger(broker.address());
  stranger.send_bytes("GET / HTTP/1.1\r\n\r\n");
  sent += bytes.size() + 18;
  broker.let_go_on();
  EXPECT_EQ("early", early.read_kind(v1::Frame::kConnected).connected().name());
  EXPECT_EQ("to myself", early.read_kind(v1::Frame::kMessage).message().payload());
  EXPECT_EQ(2u, early.read_kind(v1::Frame::kReceipts).receipts().items(0).first_id());
  stranger.read_to_end();
  EXPECT_EQ(sent, broker->counters().bytes_received);
}

TEST(Reading, WhoIsGoneBeforeTheAcceptIsForgotten) {
  HeldUpBroker broker;
  broker.hold_up();
  RawClient(broker.address()).reset();
  RawClient(broker.address()).close();
  RawClient brief(broker.address());
  brief.send(connect_frame("brief"));
  brief.reset();
  RawClient stays(broker.address());
  stays.send(connect_frame("stays"));
  broker.let_go_on();
  stays.read_kind(v1::Frame::kConnected);
  stays.send(message_frame("brief", 1, ""));
  EXPECT_EQ((std::vector<uint64_t>{1}), refused_ids(stays.read_to_pong(), v1::REASON_UNKNOWN_CLIENT));
  EXPECT_EQ(2u, broker->counters().connections);
}

// More than a hundred recipients, and much more to read than one read takes.
TEST(Reading, OnForManyRecipientsKeepsEverybodysOrder) {
  constexpr size_t kRecipients = 120, kRounds = 40;
  BrokerOptions options = test_options();
  options.receive_buffer_bytes = 4 << 20;
  HeldUpBroker broker(options);
  std::vector<std::unique_ptr<RawClient>> recipients;
  for (size_t i = 0; i < kRecipients; ++i) {
    recipients.push_back(std::make_unique<RawClient>(broker.address()));
    recipients.back()->connect("r" + std::to_string(i));
  }
  RawClient sender(broker.address());
  sender.connect("sender");
  std::string bytes;
  for (size_t round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < kRecipients; ++i) {
      bytes += wire(message_frame("r" + std::to_string(i), 0, std::to_string(round) + std::string(200, '.')));
    }
  }
  broker.hold_up();
  const size_t at_once = sender.send_some(bytes);
  broker.let_go_on();
  sender.send_bytes(std::string_view(bytes).substr(at_once));
  for (const auto& recipient : recipients) {
    for (size_t round = 0; round < kRounds; ++round) {
      const std::string payload = recipient->read_kind(v1::Frame::kMessage).message().payload();
      ASSERT_EQ(std::to_string(round), payload.substr(0, payload.find('.')));
    }
  }
}

}  // namespace
}  // namespace onehop::test
