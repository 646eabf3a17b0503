// The part of the command line that is about topics, and about whom messages go to.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace onehop::cli {

struct Options;

// The destinations on the command line of `onehop send`, as they were given. With --topic there is no TO, so what was
// read as `to` is then the TEXT.
struct SendDestinations {
  std::vector<std::string> topics;
  std::optional<std::string> to;
  std::string confirm;
};

void add_listen_topics(CLI::App& listen, Options& options);
void add_send_destinations(CLI::App& send, Options& options, SendDestinations& given);
void add_room(CLI::App& chat, Options& options);

// Check what was given, and complete the options. They throw CLI::ValidationError, whose text is what the user sees.
void check_topics(const Options& options);
void check_send_destinations(Options& options, const SendDestinations& given);

}  // namespace onehop::cli
