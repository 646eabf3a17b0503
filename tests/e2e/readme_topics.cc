// Alice hears what others send to the topics below news, and sends something to one of them.
#include <onehop/client.h>

#include <atomic>
#include <iostream>

using namespace onehop::client;

int main(int argc, char** argv) {
  std::atomic<bool> answered = false;
  Client::Handlers handlers;
  handlers.on_message = [](const Message& message) {
    std::cout << message.from << " in " << message.topic << ": " << message.payload << std::endl;
  };
  handlers.on_subscribed = [&](std::string_view filter, Reason reason) {
    std::cout << filter << (reason == Reason::kNone ? " holds" : ": " + to_string(reason)) << std::endl;
    answered = true;
    answered.notify_all();
  };
  std::string error;
  const auto alice = Client::start(argc > 1 ? argv[1] : "tcp://127.0.0.1:7411", {.name = "alice"}, handlers, error);
  if (alice == nullptr) {
    std::cerr << error << std::endl;
    return 1;
  }
  alice->subscribe("news/+");
  answered.wait(false);
  const SendOptions to_topic{.destination = Destination::kTopic, .confirm = Confirm::kRefusals};
  for (const auto topic : {"news/de", "weather"}) {
    const SendResult result = alice->send(topic, "Hello.", to_topic).get();
    std::cout << topic << ": " << to_string(result.outcome);
    if (result.reason != Reason::kNone) std::cout << ", " << to_string(result.reason);
    std::cout << std::endl;
  }
  alice->close(1'000);
}
