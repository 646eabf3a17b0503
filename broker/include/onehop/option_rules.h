// The rule for each member of BrokerOptions but on_event: its name in messages and in configuration files, its range,
// and whether it may change while a broker runs. What depends on another option, such as queue_bytes_max on
// frame_bytes_max, is said at the member; Broker::check checks both.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "onehop/broker.h"

namespace onehop {

using BrokerOption = std::variant<bool BrokerOptions::*, int BrokerOptions::*, uint32_t BrokerOptions::*,
                                  uint64_t BrokerOptions::*, std::vector<std::string> BrokerOptions::*>;

struct OptionRule {
  std::string_view name;
  BrokerOption place;
  bool reloadable;
  // Of a number, when defaults stand where 0 asks for them. Both 0: it is no number.
  uint64_t least = 0;
  uint64_t most = 0;
  bool or_zero = false;  // 0 is in the range too, although it is below `least`.
};

// All of them, in the order of docs/configuration.md. Any thread.
std::span<const OptionRule> option_rules();

}  // namespace onehop
