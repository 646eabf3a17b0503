// A program with a broker inside.
#include <onehop/broker.h>

#include <cinttypes>
#include <cstdio>

int main() {
  onehop::BrokerOptions options;
  options.listen = {"tcp://127.0.0.1:0"};  // A free port.
  options.shards = 2;
  std::string error;
  const std::unique_ptr<onehop::Broker> broker = onehop::Broker::start(options, error);
  if (broker == nullptr) {
    std::fprintf(stderr, "%s\n", error.c_str());
    return 1;
  }
  std::printf("serving on %s until Enter is pressed\n", broker->addresses().front().c_str());
  std::fflush(stdout);
  std::getchar();
  std::printf("%" PRIu64 " messages were admitted\n", broker->counters().messages_admitted);
  return broker->stop(5'000) == onehop::Broker::Stopped::kAllEnded ? 0 : 1;
}
