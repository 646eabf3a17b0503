// Sends one message. What became of it comes to a callback, on the client's thread.
//
//   send_callback SERVER TO TEXT
#include <onehop/client.h>

#include <atomic>
#include <iostream>

using namespace onehop::client;

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: send_callback SERVER TO TEXT" << std::endl;
    return 2;
  }
  std::string error;
  const std::unique_ptr<Client> client = Client::start(argv[1], {}, {}, error);
  if (client == nullptr) {
    std::cerr << error << std::endl;
    return 1;
  }
  std::atomic<bool> delivered = false;
  client->send(argv[2], argv[3], {}, [&delivered](const SendResult& result) {
    std::cout << to_string(result.outcome) << std::endl;
    delivered = result.outcome == Outcome::kDelivered;
  });
  // Waits until every message has its outcome, so the callback was called before it returns.
  client->close(60'000);
  return delivered ? 0 : 1;
}
