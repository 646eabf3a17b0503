// A chat room: the broker, and the room, in one program.
//
//   chat_room tcp://127.0.0.1:7500           opens the room
//   chat_room tcp://127.0.0.1:7500 alice     joins it: each line that is typed goes to everybody else
//
// The room is a client of its own broker, called "room". Members send to it what they say, and it tells the others. Who
// is there it knows from the broker's events.
#include <onehop/broker.h>
#include <onehop/client.h>

#include <iostream>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace onehop::client;

namespace {

constexpr std::string_view kRoom = "room";

// The names of those who are there. The broker's threads change it, the room's client reads it.
class Members {
 public:
  void follow(const onehop::BrokerEvent& event) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (event.kind == onehop::BrokerEvent::Kind::kSessionOpened && event.name != kRoom) names_.emplace(event.name);
    if (event.kind == onehop::BrokerEvent::Kind::kSessionEnded) names_.erase(std::string(event.name));
  }

  std::vector<std::string> all_but(std::string_view name) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::string> others;
    for (const std::string& member : names_) {
      if (member != name) others.push_back(member);
    }
    return others;
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> names_;
};

// The room and its members both start a client; a wrong address or name ends the program.
std::unique_ptr<Client> start(std::string_view server, std::string_view name, Client::Handlers handlers) {
  ClientOptions options;
  options.name = name;
  // Whoever closes the program has left at once.
  options.session_expiry_ms = 0;
  try {
    return std::make_unique<Client>(server, std::move(options), std::move(handlers));
  } catch (const std::exception& wrong) {
    std::cerr << wrong.what() << std::endl;
    return nullptr;
  }
}

// Runs until the standard input ends.
int open_room(const std::string& address) {
  Members members;
  onehop::BrokerOptions options;
  options.listen = {address};
  options.shards = 1;
  options.on_event = [&members](const onehop::BrokerEvent& event) { members.follow(event); };
  std::string error;
  const std::unique_ptr<onehop::Broker> broker = onehop::Broker::start(options, error);
  if (broker == nullptr) {
    std::cerr << error << std::endl;
    return 1;
  }

  std::mutex starting;  // The first message may come before `room` is there.
  std::unique_ptr<Client> room;
  const auto tell_the_others = [&room, &starting, &members](const Message& message) {
    const std::lock_guard<std::mutex> started(starting);
    const std::string line = std::string(message.from) + ": " + std::string(message.payload);
    SendOptions quick;
    quick.confirm = Confirm::kRefusals;  // Who does not read misses something. Nobody waits for an outcome.
    for (const std::string& member : members.all_but(message.from)) {
      room->send(member, line, quick, [](const SendResult&) {});
    }
  };
  {
    const std::lock_guard<std::mutex> lock(starting);
    room = start(broker->addresses().front(), kRoom, {.on_message = tell_the_others});
  }
  if (room == nullptr) return 1;
  std::cout << "open at " << broker->addresses().front() << std::endl;
  while (std::cin.get() != std::istream::traits_type::eof()) continue;
  // Both end here: first the client of the room, then the broker.
  room->close(1'000);
  return 0;
}

// Says what is typed until the standard input ends.
int join_room(const std::string& address, const std::string& name) {
  const auto print = [](const Message& message) {
    if (message.from == kRoom) std::cout << message.payload << std::endl;
  };
  const auto say_why = [](const Ending& ending) {
    if (ending.cause != Ending::Cause::kClosed) std::cerr << describe(ending) << std::endl;
  };
  const auto greet = [](const SessionInfo&) { std::cout << "you are in" << std::endl; };
  const std::unique_ptr<Client> member =
      start(address, name, {.on_message = print, .on_open = greet, .on_ended = say_why});
  if (member == nullptr) return 1;
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
