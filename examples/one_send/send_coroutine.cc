// Sends one message from a coroutine, which goes on when the message has its outcome.
//
//   send_coroutine SERVER TO TEXT
#include <onehop/client.h>
#include <onehop/coroutines.h>

#include <atomic>
#include <exception>
#include <iostream>

using namespace onehop::client;

namespace {

// A coroutine that nobody waits for: it begins when it is called, and cleans up after itself.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Detached send_one(Client& client, const char* to, const char* text, std::atomic<bool>& delivered) {
  const SendResult result = co_await send(client, to, text);
  // From here on it runs on the client's thread.
  std::cout << to_string(result.outcome) << std::endl;
  delivered = result.outcome == Outcome::kDelivered;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: send_coroutine SERVER TO TEXT" << std::endl;
    return 2;
  }
  std::string error;
  const std::unique_ptr<Client> client = Client::start(argv[1], {}, {}, error);
  if (client == nullptr) {
    std::cerr << error << std::endl;
    return 1;
  }
  std::atomic<bool> delivered = false;
  send_one(*client, argv[2], argv[3], delivered);
  // Waits until every message has its outcome, so the coroutine has ended before it returns.
  client->close(60'000);
  return delivered ? 0 : 1;
}
