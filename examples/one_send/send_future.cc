// Sends one message and waits for its outcome.
//
//   send_future SERVER TO TEXT
#include <onehop/client.h>

#include <iostream>

using namespace onehop::client;

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: send_future SERVER TO TEXT" << std::endl;
    return 2;
  }
  std::string error;
  const std::unique_ptr<Client> client = Client::start(argv[1], {}, {}, error);
  if (client == nullptr) {
    std::cerr << error << std::endl;
    return 1;
  }
  const SendResult result = client->send(argv[2], argv[3]).get();
  std::cout << to_string(result.outcome) << std::endl;
  return result.outcome == Outcome::kDelivered ? 0 : 1;
}
