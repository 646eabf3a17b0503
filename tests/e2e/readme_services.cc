// Bob serves the service adder; Alice asks it.
#include <onehop/client.h>

#include <atomic>
#include <iostream>
#include <memory>
#include <string>

using namespace onehop::client;

int main(int argc, char** argv) {
  const std::string server = argc > 1 ? argv[1] : "tcp://127.0.0.1:7411";
  std::string error;
  std::atomic<bool> serving = false;
  std::unique_ptr<Client> bob;
  Client::Handlers handlers;
  handlers.on_message = [&](const Message& request) {
    const int sum = std::stoi(std::string(request.payload)) + 1;
    bob->send(request.from, std::to_string(sum), reply_to(request), {});
  };
  handlers.on_serving = [&](std::string_view, Reason) {
    serving = true;
    serving.notify_all();
  };
  bob = Client::start(server, {.name = "bob"}, handlers, error);
  const auto alice = Client::start(server, {.name = "alice"}, {}, error);
  if (bob == nullptr || alice == nullptr) {
    std::cerr << error << std::endl;
    return 1;
  }
  bob->serve("adder");
  serving.wait(false);
  for (const auto service : {"adder", "divider"}) {
    const RequestResult result = alice->request(service, "41", {.destination = Destination::kService}).get();
    std::cout << service << ": " << to_string(result.sent.outcome);
    if (result.sent.reason != Reason::kNone) std::cout << ", " << to_string(result.sent.reason);
    if (result.has_reply) std::cout << ", " << result.reply->payload;
    std::cout << std::endl;
  }
  alice->close(1'000);
  bob->close(1'000);
}
