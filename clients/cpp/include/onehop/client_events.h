// What a client tells its owner. The same events for ClientEngine and LoopClient.
#pragma once

#include <cstdint>
#include <string_view>

#include "onehop/client_types.h"

namespace onehop::client {

// Implemented by the owner; outlives the client. Called on the client's thread, never from within send(). What an event
// may call is said by the client; it must not destroy the client that it comes from.
class ClientEvents {
 public:
  virtual void on_message(const Message& message) = 0;
  // What became of a message that send() accepted; once for each.
  virtual void on_outcome(std::string_view to, const SendResult& result) = 0;
  // The end. Every message has its outcome; no event follows.
  virtual void on_ended(const Ending& ending) = 0;

  // The session is open. Again with each connection: `session.resumed` says whether it is the one from before.
  virtual void on_open(const SessionInfo& session) { (void)session; }
  // The connection ended or did not come about; another will be tried in `retry_in_ms`.
  virtual void on_down(const Ending& ending, uint64_t retry_in_ms) { (void)ending, (void)retry_in_ms; }
  // A send() was answered kWouldBlock since the last on_room(); trying again makes sense now.
  virtual void on_room() {}
  // The answer to the ping() that returned this nonce, or to a later one. A nonce may have been the client's own.
  virtual void on_pong(uint64_t nonce) { (void)nonce; }

 protected:
  ~ClientEvents() = default;
};

}  // namespace onehop::client
