// See the header.
#include "onehop/codes.h"

#include "onehop/v1/onehop.pb.h"

namespace onehop {
namespace {

// An enum value's name without its enum's prefix; the number where the schema has no name for it.
std::string without_prefix(const std::string& name, std::string_view prefix, int number) {
  return name.size() > prefix.size() ? name.substr(prefix.size()) : std::string(prefix) + std::to_string(number);
}

}  // namespace

std::string to_string(Reason reason) {
  const int number = static_cast<int>(reason);
  return without_prefix(v1::Reason_Name(number), "REASON_", number);
}

std::string to_string(Code code) {
  const int number = static_cast<int>(code);
  return without_prefix(v1::Code_Name(number), "CODE_", number);
}

std::string name_of(Reason reason) {
  return reason == Reason::kNone ? std::string() : to_string(reason);
}

std::string name_of(Code code) {
  return code == Code::kNone ? std::string() : to_string(code);
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAdmitted:
      return "ADMITTED";
    case Outcome::kDelivered:
      return "DELIVERED";
    case Outcome::kRejected:
      return "REJECTED";
    case Outcome::kExpired:
      return "EXPIRED";
    case Outcome::kLost:
      return "LOST";
    case Outcome::kUnknown:
      return "UNKNOWN";
    case Outcome::kNotSent:
      return "NOT_SENT";
    case Outcome::kPartial:
      return "PARTIAL";
    case Outcome::kReplied:
      return "REPLIED";
    case Outcome::kResponderLost:
      return "RESPONDER_LOST";
  }
  return "";
}

}  // namespace onehop
