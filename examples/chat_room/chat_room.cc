// A chat room: the broker, and the room, in one program.
//
//   chat_room tcp://127.0.0.1:7500           opens the room
//   chat_room tcp://127.0.0.1:7500 alice     joins it: each line that is typed goes to everybody else
//
// The room is a local client of its own broker, called "room". Members send to it what they say, and it tells the
// others. Who is there it knows from the broker's events.
#include <onehop/broker.h>
#include <onehop/client.h>
#include <onehop/local_client.h>

#include <iostream>
#include <mutex>
#include <set>

using namespace onehop::client;

namespace {

constexpr std::string_view kRoom = "room";

class Room : public onehop::LocalClientEvents {
 public:
  // A session that begins or ends is a member that comes or goes. Called by the broker's threads.
  void follow(const onehop::BrokerEvent& event) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (event.kind == onehop::BrokerEvent::Kind::kSessionOpened) members_.emplace(event.name);
    if (event.kind == onehop::BrokerEvent::Kind::kSessionEnded) members_.erase(std::string(event.name));
  }

  void on_attached(onehop::LocalClient& client) override { client_ = &client; }

  void on_message(const Message& message) override {
    const std::string line = std::string(message.from) + ": " + std::string(message.payload);
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const std::string& member : members_) {
      // Who does not read misses something: nobody waits for outcomes here, or for room.
      if (member != message.from && member != kRoom) client_->send(member, line, {.confirm = Confirm::kRefusals});
    }
  }

 private:
  std::mutex mutex_;
  std::set<std::string> members_;
  onehop::LocalClient* client_ = nullptr;
};

// Runs until the standard input ends.
int open_room(const std::string& address) {
  Room room;
  onehop::BrokerOptions options;
  options.listen = {address};
  options.shards = 1;
  options.on_event = [&room](const onehop::BrokerEvent& event) { room.follow(event); };
  std::string error;
  const std::unique_ptr<onehop::Broker> broker = onehop::Broker::start(options, error);
  const auto client = broker == nullptr ? nullptr : broker->attach({.name = std::string(kRoom)}, room, error);
  if (client == nullptr) {
    std::cerr << error << std::endl;
    return 1;
  }
  std::cout << "open at " << broker->addresses().front() << std::endl;
  while (std::cin.get() != std::istream::traits_type::eof()) continue;
  // Members are told that the room closes, and have two seconds to leave.
  broker->stop(2'000);
  return 0;
}

// Says what is typed until the standard input ends.
int join_room(const std::string& address, const std::string& name) {
  Client::Handlers handlers;
  handlers.on_open = [](const SessionInfo&) { std::cout << "you are in" << std::endl; };
  handlers.on_message = [](const Message& message) {
    if (message.from == kRoom) std::cout << message.payload << std::endl;
  };
  handlers.on_ended = [](const Ending& ending) {
    if (ending.cause != Ending::Cause::kClosed) std::cerr << describe(ending) << std::endl;
  };
  ClientOptions options;
  options.name = name;
  options.session_expiry_ms = 0;  // Whoever closes the program has left at once.
  std::string error;
  const std::unique_ptr<Client> member = Client::start(address, options, handlers, error);
  if (member == nullptr) {
    std::cerr << error << std::endl;
    return 1;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const SendResult result = member->send(kRoom, line).get();
    if (result.outcome != Outcome::kDelivered) std::cerr << "not heard: " << to_string(result.outcome) << std::endl;
  }
  member->close(1'000);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2) return open_room(argv[1]);
  if (argc == 3) return join_room(argv[1], argv[2]);
  std::cerr << "usage: chat_room ADDRESS [NAME]" << std::endl;
  return 2;
}
