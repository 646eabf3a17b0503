// A broker that lets in a client that knows the password of its name. Only the principal root may send to names that
// begin with admin-.
#include <onehop/broker.h>

#include <cstdio>
#include <string>
#include <thread>

// It may wait, because it runs on a thread of its own. Here it could ask a database.
static bool is_password_of(const std::string& name, const std::string& password) {
  return password == "secret of " + name;
}

int main() {
  onehop::BrokerOptions options;
  options.listen = {"tcp://127.0.0.1:0"};
  options.shards = 1;
  options.hooks.authenticate = [](const onehop::Credentials& who, onehop::AuthenticateAnswer answer) {
    const auto check = [name = std::string(who.name), password = std::string(who.token), answer] {
      if (is_password_of(name, password)) return answer.accept(name);
      answer.refuse(onehop::Code::kBadCredentials, "wrong password");
    };
    std::thread(check).detach();  // An answer that comes after the end of the broker does nothing.
  };
  options.hooks.authorize = [](const onehop::Access& access, onehop::AuthorizeAnswer answer) {
    const bool to_admin = access.action == onehop::Action::kSend && access.target.starts_with("admin-");
    if (to_admin && access.principal != "root") return answer.deny();
    answer.allow();
  };
  std::string error;
  const std::unique_ptr<onehop::Broker> broker = onehop::Broker::start(options, error);
  if (broker == nullptr) {
    std::fprintf(stderr, "%s\n", error.c_str());
    return 1;
  }
  std::printf("serving on %s until Enter is pressed\n", broker->addresses().front().c_str());
  std::fflush(stdout);
  std::getchar();
  return broker->stop(5'000) == onehop::Broker::Stopped::kAllEnded ? 0 : 1;
}
