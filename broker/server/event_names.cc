// The words for what is told of a running broker, as its log and its admin port write them.
#include <string_view>

#include "onehop/broker.h"

namespace onehop {

std::string_view to_string(BrokerEvent::Kind kind) {
  switch (kind) {
    case BrokerEvent::Kind::kSessionOpened:
      return "session_opened";
    case BrokerEvent::Kind::kSessionDetached:
      return "session_detached";
    case BrokerEvent::Kind::kSessionResumed:
      return "session_resumed";
    case BrokerEvent::Kind::kSessionRenewed:
      return "session_renewed";
    case BrokerEvent::Kind::kSessionEnded:
      return "session_ended";
    case BrokerEvent::Kind::kTakenOver:
      return "session_taken_over";
    case BrokerEvent::Kind::kConnectRefused:
      return "connect_refused";
    case BrokerEvent::Kind::kConnectionEnded:
      return "connection_ended";
    case BrokerEvent::Kind::kAcceptPaused:
      return "accept_paused";
    case BrokerEvent::Kind::kAcceptResumed:
      return "accept_resumed";
    case BrokerEvent::Kind::kKicked:
      return "client_kicked";
    case BrokerEvent::Kind::kMemoryRefusing:
      return "memory_refusing";
    case BrokerEvent::Kind::kMemoryEnding:
      return "memory_ending";
    case BrokerEvent::Kind::kMemoryFree:
      return "memory_free";
    case BrokerEvent::Kind::kDraining:
      return "draining";
    case BrokerEvent::Kind::kDrainTakenBack:
      return "drain_taken_back";
  }
  return "";
}

std::string_view to_string(Handler handler) {
  switch (handler) {
    case Handler::kOnEvent:
      return "on_event";
    case Handler::kAuthenticate:
      return "authenticate";
    case Handler::kAuthorize:
      return "authorize";
    case Handler::kOnConnect:
      return "on_connect";
    case Handler::kOnDisconnect:
      return "on_disconnect";
    case Handler::kOnStopped:
      return "on_stopped";
    case Handler::kStillAllowed:
      return "still_allowed";
    case Handler::kDestructor:
      return "destructor";
  }
  return "";
}

std::string_view to_string(Action action) {
  switch (action) {
    case Action::kOwnName:
      return "own_name";
    case Action::kTakeOver:
      return "take_over";
    case Action::kSend:
      return "send";
    case Action::kPublish:
      return "publish";
    case Action::kSubscribe:
      return "subscribe";
    case Action::kServe:
      return "serve";
    case Action::kRequest:
      return "request";
    case Action::kWatch:
      return "watch";
  }
  return "";
}

}  // namespace onehop
