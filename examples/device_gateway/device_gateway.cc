// A gateway for devices: the broker inside a program that knows which devices there are, and gives each its own name.
//
//   device_gateway ADDRESS DEVICE=SECRET...      for example: device_gateway tcp://127.0.0.1:7500 pump-1=red
//   pump-2=blue
//
// A device connects under its own name, with its secret as its token. It may send to the gateway, which prints what it
// reports and answers; it may not send to other devices. A line `DEVICE TEXT` on the standard input goes to that
// device.
#include <onehop/broker.h>
#include <onehop/local_client.h>

#include <iostream>
#include <map>
#include <string>
#include <thread>

using namespace onehop::client;

namespace {

constexpr std::string_view kGateway = "gateway";

using Secrets = std::map<std::string, std::string, std::less<>>;

class Gateway : public onehop::LocalClientEvents {
 public:
  void on_attached(onehop::LocalClient& client) override { client_ = &client; }
  // Runs on a thread of the broker, so it only prints and answers.
  void on_message(const Message& report) override {
    std::cout << report.from << ": " << report.payload << std::endl;
    client_->send(report.from, "noted", {.confirm = Confirm::kRefusals, .in_reply_to = report.id});
  }
  void on_outcome(const SendResult& result) override {
    if (result.outcome != Outcome::kDelivered) std::cerr << "not delivered: " << to_string(result.outcome) << std::endl;
  }

 private:
  onehop::LocalClient* client_ = nullptr;
};

onehop::Hooks hooks_for(const Secrets& secrets) {
  onehop::Hooks hooks;
  hooks.authenticate = [&secrets](const onehop::Credentials& who, onehop::AuthenticateAnswer answer) {
    // The gateway itself is a client of this process.
    if (who.peer == "local") return answer.accept(kGateway);
    // Secrets of a real gateway are in a database. Asking it takes time, so the answer is given by another thread.
    std::thread([&secrets, name = std::string(who.name), token = std::string(who.token), answer] {
      const auto found = secrets.find(name);
      if (found != secrets.end() && found->second == token) return answer.accept(name);
      answer.refuse(onehop::Code::kBadCredentials, "no such device, or a wrong secret");
    }).detach();
  };
  hooks.authorize = [](const onehop::Access& access, onehop::AuthorizeAnswer answer) {
    const bool from_gateway = access.principal == kGateway;
    const bool to_gateway = access.action == onehop::Action::kSend && access.target == kGateway;
    // A device owns its own name, and takes it back from a connection that it has lost.
    const bool own = access.action != onehop::Action::kSend && access.target == access.principal;
    from_gateway || to_gateway || own ? answer.allow() : answer.deny();
  };
  hooks.on_connect = [](const onehop::ConnectedClient& device) {
    if (device.name != kGateway) std::cout << device.name << " is here" << std::endl;
  };
  hooks.on_disconnect = [](const onehop::ConnectedClient& device, onehop::Code, std::string_view) {
    if (device.name != kGateway) std::cout << device.name << " is gone" << std::endl;
  };
  return hooks;
}

}  // namespace

int main(int argc, char** argv) {
  // The broker's threads may look at it until the program ends.
  static Secrets secrets;
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    if (equals != std::string::npos) secrets[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  if (argc < 3 || secrets.size() != static_cast<size_t>(argc - 2)) {
    std::cerr << "usage: device_gateway ADDRESS DEVICE=SECRET..." << std::endl;
    return 2;
  }
  onehop::BrokerOptions options;
  options.listen = {argv[1]};
  options.shards = 1;
  options.hooks = hooks_for(secrets);
  Gateway gateway;
  std::string error;
  const std::unique_ptr<onehop::Broker> broker = onehop::Broker::start(options, error);
  const auto client = broker == nullptr ? nullptr : broker->attach({.name = std::string(kGateway)}, gateway, error);
  if (client == nullptr) {
    std::cerr << error << std::endl;
    return 1;
  }
  std::cout << "open at " << broker->addresses().front() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    if (client->send(line.substr(0, space), line.substr(space + 1)) != SendStatus::kAccepted) {
      std::cerr << "not sent" << std::endl;
    }
  }
  broker->stop(2'000);
  return 0;
}
