// A program with a broker inside, and a client that doubles the numbers it is sent.
#include <onehop/broker.h>
#include <onehop/local_client.h>

#include <cstdio>
#include <cstdlib>
#include <string>

class Doubler : public onehop::LocalClientEvents {
 public:
  void on_attached(onehop::LocalClient& client) override { client_ = &client; }
  void on_message(const onehop::client::Message& message) override {
    const long number = std::strtol(std::string(message.payload).c_str(), nullptr, 10);
    client_->send(message.from, std::to_string(2 * number), {.in_reply_to = message.id});
  }

 private:
  onehop::LocalClient* client_ = nullptr;
};

int main() {
  onehop::BrokerOptions options;
  options.listen = {"tcp://127.0.0.1:0"};
  std::string error;
  const std::unique_ptr<onehop::Broker> broker = onehop::Broker::start(options, error);
  if (broker == nullptr) {
    std::fprintf(stderr, "%s\n", error.c_str());
    return 1;
  }
  Doubler doubler;
  const std::unique_ptr<onehop::LocalClient> client = broker->attach({.name = "doubler"}, doubler, error);
  if (client == nullptr) {
    std::fprintf(stderr, "%s\n", error.c_str());
    return 1;
  }
  std::printf("serving on %s until Enter is pressed\n", broker->addresses().front().c_str());
  std::fflush(stdout);
  std::getchar();
  return broker->stop(5'000) == onehop::Broker::Stopped::kAllEnded ? 0 : 1;
}
