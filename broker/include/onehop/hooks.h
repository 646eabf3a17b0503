// Hooks: what a program that embeds the broker decides, and what it is told. Who is the client? What may it do? Who has
// come, and who has gone?
//
// THREADS. Hooks are called on the shards' threads, on several at once, so they must be quick. An answer that takes
// time, because it comes from a database for example, is given later: a hook keeps its copy of the answer handle and
// returns, and any thread answers. Meanwhile the broker does not read from that client and serves all others. broker.h
// says which methods of the broker a hook may call and what they do there.
//
// ANSWERS. A handle is small. It can be copied and moved, the first answer that is given through any copy counts, and
// the others do nothing. If all copies are gone without an answer, the hook is undecided. An answer after the client
// has gone, or after the broker has been destroyed, does nothing.
//
// EXCEPTIONS. If a hook throws before it has answered, it is undecided, and BrokerOptions::on_exception is told.
//
// Where a hook is undecided, the broker refuses: a connection ends with SERVER_BUSY, and a message is refused with
// BROKER_BUSY. After either the client may try again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "onehop/codes.h"
#include "onehop/export.h"

namespace onehop {

namespace server {
class PendingAnswer;
}

// Who wants to connect. The views are valid during the call only.
struct Credentials {
  std::string_view token;  // What the client gave, opaque bytes; empty: nothing.
  std::string_view name;   // The name it wants to own; empty: the broker makes one.
  std::string_view peer;   // `tcp://…`, `unix://…`, or `local`; empty if its connection has gone.
  unsigned shard = 0;
  // Whether the client is connected already, and these are new credentials with which it wants to go on. `name` is its
  // own then.
  bool renews = false;
  // The certificate with which the client has proved who it is, as DER; empty: none. The broker has verified it, up to
  // an authority of TlsOptions::client_ca_file.
  std::string_view certificate = {};
  // The common name of a certificate that a balancer has verified, from its PROXY header; empty: none. It may hold any
  // bytes. BrokerOptions::proxy_from says which balancers are believed.
  std::string_view certificate_name = {};
};

// Says who the client is. See ANSWERS above.
class ONEHOP_EXPORT AuthenticateAnswer {
 public:
  // For the broker itself.
  explicit AuthenticateAnswer(std::shared_ptr<server::PendingAnswer> pending);

  // The client is this principal: a string that the program chooses, the same for every connection of one user, say.
  // Only the same principal may resume a session, or get the name of its own client that is away. Empty: nobody in
  // particular. `permissions` comes back with each Access of this connection; it may be the number of a role, for
  // example. `expires_in_ms`: for how many milliseconds the credentials hold, from now on; 0: they do not end. When
  // they end, the connection ends with NOT_AUTHORIZED, unless the client has renewed them in time. Its session stays as
  // after any other broken connection. Credentials that have ended already are to be refused. Of a renewal: the
  // principal must be the one that the client has, or the renewal is refused. From then on the new `permissions` and
  // the new end hold, and what the authorize hook said about the client's messages is forgotten.
  void accept(std::string_view principal, uint64_t permissions = 0, uint64_t expires_in_ms = 0) const;
  // The connection ends with this goodbye. kNone means kBadCredentials. `text` is UTF-8, of at most 256 bytes, or it is
  // left out. `retry_after_ms` tells the client when to try again; 0: it is not told.
  // Of a renewal: the connection goes on with the credentials that it has until these end. The client is told
  // BROKER_BUSY for kServerBusy, RATE_LIMITED for kRateExceeded, and NOT_AUTHORIZED for any other code.
  void refuse(Code code, std::string_view text = {}, uint32_t retry_after_ms = 0) const;

 private:
  std::shared_ptr<server::PendingAnswer> pending_;
};

// What a client wants to do.
enum class Action : uint8_t {
  kOwnName,    // Connect under the name `target`; empty: one that the broker makes.
  kTakeOver,   // End the session of whoever has the name `target` now. The hook is asked about each client that
               // connects with the wish to take over, whether or not anybody has the name.
  kSend,       // Send messages to the client `target`.
  kPublish,    // Send messages to the topic `target`.
  kSubscribe,  // Subscribe to `target`, a topic or a filter with wildcards. Asked about each subscription, and again
               // when the policy or the client's credentials change: then a client that may not have one of its
               // subscriptions any more ends.
  kServe,      // Be an instance of the service `target`. As kSubscribe.
  kRequest,    // Send messages to the service `target`.
  kWatch,      // Be told whether the client `target` is connected; or, if an asterisk ends it, all clients whose names
               // begin with what is before that (`*`: everybody). Asked about each watch, and again when the policy or
               // the client's credentials change: then a watch that the client may not have any more ends.
};
// "own_name", "take_over", "send", "publish", "subscribe", "serve", "request", "watch".
ONEHOP_EXPORT std::string_view to_string(Action action);

// Who wants to do what. The views are valid during the call only.
struct Access {
  Action action = Action::kSend;
  std::string_view principal;  // As accepted; empty if there is no authenticate hook.
  uint64_t permissions = 0;
  std::string_view name;  // The client's own.
  // A client's name, a topic, a filter, a service, or whom it watches. With kSend it may hold any bytes, and there may
  // be no such client.
  std::string_view target;
};

// Says whether it may. See ANSWERS above.
class ONEHOP_EXPORT AuthorizeAnswer {
 public:
  // For the broker itself.
  explicit AuthorizeAnswer(std::shared_ptr<server::PendingAnswer> pending);

  // It may.
  void allow() const;
  // A name: the connection ends with NOT_AUTHORIZED. A message: it is refused with NOT_AUTHORIZED, whether or not its
  // destination exists.
  void deny() const;

 private:
  std::shared_ptr<server::PendingAnswer> pending_;
};

// A client that has come or gone. The views are valid during the call only.
struct ConnectedClient {
  std::string_view name;
  std::string_view principal;  // As accepted; empty if there is no authenticate hook.
  uint64_t permissions = 0;
  std::string_view peer;
  uint64_t session = 0;
  unsigned shard = 0;
  bool resumed = false;  // It has had this session before, on another connection.
};

// Each may be empty. They cannot be changed while the broker runs.
struct Hooks {
  // Who is this? Called once for each client that connects, and for each renewal of credentials (Credentials::renews).
  // Without this hook every client is let in, and each renewal is good. A connection whose answer does not come within
  // 5 seconds ends with SERVER_BUSY. A renewal whose answer does not come within 5 seconds is refused, and meanwhile
  // the client is served.
  std::function<void(const Credentials&, AuthenticateAnswer)> authenticate;
  // May it do that? Without this hook everything is allowed. kSend is asked once for each sender and destination, and
  // the answer holds until Broker::policy_changed(). Of a sender with more than 64 destinations some are asked about
  // again. The message waits for the answer, and what its sender sends behind it waits too. It is refused with
  // BROKER_BUSY if the answer does not come within 5 seconds.
  // A client that renews its credentials is asked about with kOwnName, too.
  std::function<void(const Access&, AuthorizeAnswer)> authorize;
  // May it stay? Called after Broker::policy_changed() for each session, also for those that wait for the return of
  // their client, whose `peer` is empty. Local clients are asked about like others. `resumed` is not set. If it says
  // no, the session ends, and its connection ends with NOT_AUTHORIZED; what was admitted for it is LOST, as at the end
  // of any session. If it throws, the connection ends with SERVER_BUSY and the session stays. Without this hook
  // everybody stays. Each shard asks about a part of its sessions at a time and serves its clients in between.
  std::function<bool(const ConnectedClient&)> still_allowed;

  // A client has a connection now, and can be sent to: its session was opened or resumed.
  std::function<void(const ConnectedClient&)> on_connect;
  // It has no connection any more. `code` is the goodbye's, kNone if it went without one. The session may wait for its
  // return; BrokerOptions::on_event tells what becomes of sessions. For each on_connect there is one on_disconnect,
  // unless the broker ends first.
  std::function<void(const ConnectedClient&, Code code, std::string_view text)> on_disconnect;
};

}  // namespace onehop
