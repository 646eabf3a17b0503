// The rule for each member of BrokerOptions except its handlers and its loop: its name in configuration files and error
// texts, its range, and whether it may change while a broker runs. Broker::check also checks options that depend on
// each other.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "onehop/broker.h"
#include "onehop/export.h"

namespace onehop {

// The member of BrokerOptions that a rule is about.
using BrokerOption = std::variant<bool BrokerOptions::*, int BrokerOptions::*, uint32_t BrokerOptions::*,
                                  uint64_t BrokerOptions::*, std::vector<std::string> BrokerOptions::*>;

// The rule for one member.
struct OptionRule {
  std::string_view name;
  BrokerOption place;
  bool reloadable;
  // The range of a number, checked after defaults have replaced zeros. Both are 0 if the option is not a number.
  uint64_t least = 0;
  uint64_t most = 0;
  bool or_zero = false;  // 0 is in the range too, although it is below `least`.
};

// All rules, in the order of docs/configuration.md. Any thread may call it.
ONEHOP_EXPORT std::span<const OptionRule> option_rules();

}  // namespace onehop
