// Topics: names that any number of clients subscribe to.
//
// A topic is a name of 1 to 255 bytes, by the rule for names of clients (ClientOptions::name), in levels separated by
// slashes. A level may be empty. A filter is what a client subscribes to: a topic, in which `+` may stand for any one
// level, and `#` at the end for the level before it and everything below: `a/#` matches `a`, `a/b` and `a/b/c`.
#pragma once

#include <string_view>

#include "onehop/export.h"

namespace onehop::client {

// How a client subscribes.
struct SubscribeOptions {
  // The client does not get the messages that it sends to the topic itself, unless another of its filters matches and
  // wants them.
  bool no_echo = false;
};

// Check the rules above. They return nullptr if the topic, or the filter, keeps them, else what is wrong with it.
ONEHOP_EXPORT const char* what_is_wrong_with_topic(std::string_view topic);
ONEHOP_EXPORT const char* what_is_wrong_with_filter(std::string_view filter);

}  // namespace onehop::client
