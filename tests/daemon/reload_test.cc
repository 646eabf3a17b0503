// The table says of each setting whether it may change while the broker runs; a running broker agrees.
#include <gtest/gtest.h>

#include <algorithm>

#include "daemon/settings.h"

namespace onehop::daemon {
namespace {

Value another(const Setting& setting, const Value& value) {
  if (const auto* b = std::get_if<bool>(&value)) return !*b;
  if (const auto* number = std::get_if<uint64_t>(&value)) {
    return *number == 0 ? std::min(setting.range.most, uint64_t{1} << 30) : *number + 1;
  }
  return setting.name == "proxy_from" ? std::vector<std::string>{"10.0.0.0/8"}
                                      : std::vector<std::string>{"tcp://127.0.0.1:0", "tcp://127.0.0.1:0"};
}

TEST(Reload, ARunningBrokerTakesWhatTheTableSaysItTakes) {
  DaemonOptions options;
  options.broker.listen = {"tcp://127.0.0.1:0"};
  options.broker.shards = 1;
  options.broker.queue_bytes_max = 16 << 20;  // Also enough for a larger frame_bytes_max.
  std::string error;
  const auto broker = Broker::start(options.broker, error);
  ASSERT_TRUE(broker) << error;
  for (const Setting& setting : settings()) {
    if (setting.place.index() >= 5) continue;  // Of the program, not of the broker.
    DaemonOptions next = options;
    put(setting, another(setting, get(setting, options)), next);
    EXPECT_EQ(setting.reloadable, broker->reload(next.broker, error)) << setting.name << ": " << error;
    if (!setting.reloadable) {
      EXPECT_TRUE(error.starts_with(std::string(setting.name) + ": ") || setting.name == "listen_proxy") << error;
    }
    EXPECT_TRUE(broker->reload(options.broker, error)) << error;
  }
}

}  // namespace
}  // namespace onehop::daemon
