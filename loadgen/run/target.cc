// The table of schemes.
#include "loadgen/run/target.h"

#include <array>
#include <string_view>

#include "reactor/server_address.h"

namespace onehop::loadgen {
namespace {

struct Scheme {
  std::string_view text;
  System system;
  uint16_t port;  // 0 if there is no usual port.
};

constexpr std::array kSchemes{
    Scheme{"onehop://", System::kOnehop, 7411}, Scheme{"tcp://", System::kOnehop, 7411},
    Scheme{"tls://", System::kOnehop, 7411},    Scheme{"nats://", System::kNats, 4222},
    Scheme{"mqtt://", System::kMqtt, 1883},     Scheme{"redis://", System::kRedis, 6379},
    Scheme{"blind://", System::kBlind, 0},      Scheme{"blind+tls://", System::kBlind, 0},
    Scheme{"bare://", System::kBare, 0},
};
constexpr std::string_view kUnixSchemes[] = {"onehop+unix://", "unix://"};

bool has_port(std::string_view rest) {
  const size_t colon = rest.rfind(':');
  return colon != std::string_view::npos && rest.find(']', colon) == std::string_view::npos;
}

}  // namespace

std::optional<Target> parse_target(const std::string& text, std::string& error) {
  for (const std::string_view scheme : kUnixSchemes) {
    if (text.rfind(scheme, 0) != 0) continue;
    const auto address = reactor::Address::parse("unix://" + text.substr(scheme.size()), error);
    return address ? std::optional<Target>({System::kOnehop, *address}) : std::nullopt;
  }
  for (const Scheme& scheme : kSchemes) {
    if (text.rfind(scheme.text, 0) != 0) continue;
    std::string rest = text.substr(scheme.text.size());
    while (!rest.empty() && rest.back() == '/') rest.pop_back();
    if (!has_port(rest) && scheme.port != 0) rest += ":" + std::to_string(scheme.port);
    const bool is_tls = scheme.text.ends_with("tls://");
    const auto address = reactor::parse_server_address_or_tls((is_tls ? "tls://" : "tcp://") + rest, error);
    return address ? std::optional<Target>({scheme.system, *address}) : std::nullopt;
  }
  error = "'" + text +
          "' is no target: onehop://host:port, tls://host:port, onehop+unix:///path, nats://, mqtt://, redis://, "
          "blind:// or bare://";
  return std::nullopt;
}

Confirm usual_confirm(System system) {
  return system == System::kOnehop ? Confirm::kDelivered : Confirm::kNone;
}

std::unique_ptr<Driver> make_driver(System system, const DriverOptions& options) {
  switch (system) {
    case System::kOnehop:
      return make_onehop_driver(options);
    case System::kNats:
      return make_nats_driver(options);
    case System::kMqtt:
      return make_mqtt_driver(options);
    case System::kRedis:
      return make_redis_driver(options);
    case System::kBlind:
      return make_blind_driver(options);
    case System::kBare:
      return make_bare_driver(options);
  }
  return nullptr;
}

}  // namespace onehop::loadgen
