// The meaning of --target: which protocol to speak, and where.
//   onehop://host:port  onehop+unix:///path (also tcp://… and unix://…, as onehopd prints them)
//   tls://host:port: onehop within TLS
//   nats://host:port    mqtt://host:port    redis://host:port    blind://host:port
//   blind+tls://host:port: the forwarder that ends TLS
//   bare://host:port    only for connects: see driver_bare.cc
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/drivers/driver.h"
#include "reactor/address.h"

namespace onehop::loadgen {

enum class System : uint8_t { kOnehop, kNats, kMqtt, kRedis, kBlind, kBare };

struct Target {
  System system;
  reactor::Address address;
};

// Without a port the system's usual port is meant. Returns nothing, and puts a line that names the text into `error`,
// if the text is no target.
std::optional<Target> parse_target(const std::string& text, std::string& error);

// The confirm level if the user gives none: for onehop the highest, as its clients have it, and for others none.
Confirm usual_confirm(System system);

// Throws std::invalid_argument if the system cannot do what is asked for.
std::unique_ptr<Driver> make_driver(System system, const DriverOptions& options);

}  // namespace onehop::loadgen
