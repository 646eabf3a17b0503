// See the header.
#include "onehop/client_types.h"

#include "core/base/name.h"

namespace onehop::client {
std::string_view to_string(SendStatus status) {
  switch (status) {
    case SendStatus::kAccepted:
      return "accepted";
    case SendStatus::kWouldBlock:
      return "a limit is reached";
    case SendStatus::kTooLarge:
      return "larger than the broker takes";
    case SendStatus::kInvalid:
      return "the destination or the headers break the rules";
    case SendStatus::kClosed:
      return "the client is closed";
    case SendStatus::kWouldDeadlock:
      return "the client's own thread would wait for itself";
    case SendStatus::kForked:
      return "the client belongs to the process that started it";
  }
  return "";
}

std::string_view to_string(WaitStatus status) {
  switch (status) {
    case WaitStatus::kDone:
      return "done";
    case WaitStatus::kTimeUp:
      return "the time is up";
    case WaitStatus::kEnded:
      return "the client has ended";
    case WaitStatus::kWouldDeadlock:
      return "the client's own thread would wait for itself";
    case WaitStatus::kForked:
      return "the client belongs to the process that started it";
  }
  return "";
}

std::string describe(const Ending& ending) {
  const std::string tail = ending.text.empty() ? "" : ": " + ending.text;
  switch (ending.cause) {
    case Ending::Cause::kClosed:
      return "closed" + tail;
    case Ending::Cause::kConnectFailed:
      return ending.text.empty() ? "cannot connect" : ending.text;
    case Ending::Cause::kGoodbye:
      return "the broker said goodbye " + to_string(ending.code) + tail;
    case Ending::Cause::kConnectionLost:
      return "the connection was lost" + tail;
    case Ending::Cause::kSilence:
      return "the broker is silent" + tail;
    case Ending::Cause::kBadBytes:
      return ending.text.empty() ? "bad bytes" : ending.text;
    case Ending::Cause::kWouldDeadlock:
      return "refused: the client's own thread would wait for itself";
    case Ending::Cause::kForked:
      return "refused: the client belongs to the process that started it";
  }
  return "";
}

const char* what_is_wrong_with_name(std::string_view name) {
  if (name.empty()) return "it is empty";
  if (name.size() > core::kNameBytesMax) return "it has more than 255 bytes";
  if (core::is_generated_name(name)) return "a name beginning with ~ is the broker's to make";
  if (name.front() == '$') return "it begins with $";
  if (!core::is_valid_name(name)) return "only visible ASCII without \" ' \\ ` * > # + ? , may be in it";
  return nullptr;
}

}  // namespace onehop::client
