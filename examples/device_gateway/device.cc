// A device: reports one value, says what became of it, and prints what the gateway answers.
//
//   device ADDRESS NAME SECRET TO TEXT     for example: device tcp://127.0.0.1:7500 pump-1 red gateway "12 bar"
#include <onehop/client.h>

#include <iostream>

using namespace onehop::client;

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: device ADDRESS NAME SECRET TO TEXT" << std::endl;
    return 2;
  }
  Client::Handlers handlers;
  handlers.on_message = [](const Message& answer) { std::cout << answer.from << ": " << answer.payload << std::endl; };
  handlers.on_ended = [](const Ending& ending) {
    if (ending.cause != Ending::Cause::kClosed) std::cerr << describe(ending) << std::endl;
  };
  ClientOptions options;
  options.name = argv[2];
  options.token = argv[3];
  std::string error;
  const std::unique_ptr<Client> device = Client::start(argv[1], options, handlers, error);
  if (device == nullptr) {
    std::cerr << error << std::endl;
    return 1;
  }
  const SendResult result = device->send(argv[4], argv[5]).get();
  std::cout << to_string(result.outcome);
  if (result.outcome == Outcome::kRejected) std::cout << ": " << to_string(result.reason);
  std::cout << std::endl;
  device->close(1'000);
  return result.outcome == Outcome::kDelivered ? 0 : 1;
}
