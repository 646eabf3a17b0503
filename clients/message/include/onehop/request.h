// Requests: messages that want a reply (SendOptions::wants_reply), and how to reply.
#pragma once

#include <functional>

#include "onehop/client_types.h"
#include "onehop/owned_message.h"

namespace onehop::client {

// What became of a request.
struct RequestResult {
  // kReplied, or why there is no reply.
  SendResult sent = {};
  // Whether the reply is there. With kReplied it is missing only if it was lost on the way back: it was not confirmed
  // and the connection broke, its ttl ran out, or the session ended. With another outcome it is there if it came all
  // the same, as when the broker ended before it could tell the outcome (kUnknown).
  bool has_reply = false;
  // With AckMode::kManual the program acknowledges it.
  OwnedMessage reply = {};
};

// Who is told, once.
using RequestCompletion = std::function<void(const RequestResult&)>;

// How to answer `request`: client.send(request.from, payload, reply_to(request)). With AckMode::kAuto the request is
// acknowledged when on_message() has returned. To reply before it returns is right, and so is a reply later on. The
// reply is confirmed, so that it survives a broken connection of whoever asked.
inline SendOptions reply_to(const Message& request) {
  return {.confirm = Confirm::kDelivered, .in_reply_to = request.id, .in_reply_to_session = request.from_session};
}

}  // namespace onehop::client
