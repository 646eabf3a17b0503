// Alice sends a message to Bob and says what became of it. Meanwhile she prints what comes for her.
#include <onehop/client.h>

#include <iostream>

using namespace onehop::client;

int main(int argc, char** argv) {
  const auto print = [](const Message& message) { std::cout << message.from << ": " << message.payload << std::endl; };
  std::string error;
  const auto alice =
      Client::start(argc > 1 ? argv[1] : "tcp://127.0.0.1:7411", {.name = "alice"}, {.on_message = print}, error);
  if (alice == nullptr) {
    std::cerr << error << std::endl;
    return 1;
  }
  const SendResult result = alice->send("bob", "Hello from C++.").get();
  std::cout << to_string(result.outcome);
  if (result.outcome == Outcome::kRejected) std::cout << ": " << to_string(result.reason);
  std::cout << std::endl;
  alice->close(1'000);
}
