// See the header.
#include "cli/topics/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/format.h"
#include "cli/options.h"
#include "core/base/name.h"
#include "onehop/topics.h"

namespace onehop::cli {
namespace {

std::vector<std::string> split_names(const std::string& names) {
  std::vector<std::string> out;
  size_t begin = 0;
  for (size_t comma = names.find(','); comma != names.npos; comma = names.find(',', begin)) {
    out.push_back(names.substr(begin, comma - begin));
    begin = comma + 1;
  }
  out.push_back(names.substr(begin));
  return out;
}

void check_topic(const char* option, const std::string& topic, const char* wrong) {
  if (wrong != nullptr) throw CLI::ValidationError(option, "'" + as_typed(topic) + "': " + wrong);
}

void check_twice(const char* option, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::count(names.begin(), names.end(), name) > 1) {
      throw CLI::ValidationError(option, "'" + as_typed(name) + "' is named twice");
    }
  }
}

// Without TO, what stands in its place is TEXT.
void take_topics(Options& options, const SendDestinations& given) {
  if (given.to && options.text) {
    throw CLI::ValidationError("'" + as_typed(*options.text) + "' is one argument too many for 'send --topic'");
  }
  if (given.to) options.text = given.to;
  if (options.wait > 0) throw CLI::ValidationError("--wait", "a topic has no recipient to wait for");
  options.to = given.topics;
  options.to_topics = true;
  for (const std::string& topic : options.to) check_topic("--topic", topic, client::what_is_wrong_with_topic(topic));
  check_twice("--topic", options.to);
}

void take_names(Options& options, const SendDestinations& given) {
  options.to = split_names(*given.to);
  for (const std::string& to : options.to) {
    if (!core::is_valid_name(to)) {
      throw CLI::ValidationError("TO", "'" + as_typed(to) + "' is not a name that a client can have");
    }
  }
  check_twice("TO", options.to);
}

}  // namespace

void add_listen_topics(CLI::App& listen, Options& options) {
  listen
      .add_option("--topic", options.topics,
                  "Print the messages of this topic, too; + and # are wildcards; may be given again")
      ->allow_extra_args(false);
}

void add_send_destinations(CLI::App& send, Options& options, SendDestinations& given) {
  send.add_option("TO", given.to, "The recipient's name, or several names with commas between them");
  send.add_option("TEXT", options.text, "The message; without it, or with -, each line of standard input is one");
  send.add_option("--topic", given.topics,
                  "Send to all who have subscribed to this topic, instead of TO; may be given again")
      ->allow_extra_args(false);
  CLI::Option* confirm =
      send.add_option("--confirm", given.confirm,
                      "What to report: delivered (default for TO), or only refusals (default for --topic)")
          ->check(CLI::IsMember({"delivered", "refusals"}));
  send.add_flag_callback(
          "--no-confirm", [&given] { given.confirm = "refusals"; },
          "The fast path: report what was refused, and not what was delivered")
      ->excludes(confirm);
}

void add_room(CLI::App& chat, Options& options) {
  chat.add_option("NAME", options.name, "The name to connect as, which the others see")->required();
  chat.add_option("--room", options.room, "The topic that is the room")->capture_default_str();
}

void check_topics(const Options& options) {
  for (const std::string& filter : options.topics) {
    check_topic("--topic", filter, client::what_is_wrong_with_filter(filter));
  }
  check_twice("--topic", options.topics);
  check_topic("--room", options.room, client::what_is_wrong_with_topic(options.room));
}

void check_send_destinations(Options& options, const SendDestinations& given) {
  if (given.topics.empty() && !given.to) throw CLI::RequiredError("TO");
  if (given.topics.empty()) {
    take_names(options, given);
  } else {
    take_topics(options, given);
  }
  options.confirm = given.confirm.empty() ? !options.to_topics : given.confirm == "delivered";
}

}  // namespace onehop::cli
