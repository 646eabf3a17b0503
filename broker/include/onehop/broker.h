// The broker, to run inside a program of one's own. onehopd is this and a command line.
//
// A Broker runs one thread for each shard and nothing else: it installs no signal handler, changes no limit of the
// process, and writes nothing to standard output or error. No exception but std::bad_alloc leaves a function of this
// library, and none that a handler of the embedder throws gets further than BrokerOptions::on_exception. Times are
// whole milliseconds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "onehop/codes.h"
#include "onehop/export.h"
#include "onehop/hooks.h"
#include "onehop/inspection.h"
#include "onehop/local_client.h"

struct uv_loop_s;

namespace onehop {

class TransportSecurity;

// Something worth a log line. The views are valid during the call only.
struct BrokerEvent {
  enum class Kind : uint8_t {
    kSessionOpened,    // `name` is up.
    kSessionDetached,  // Its connection is gone; the session waits to be resumed.
    kSessionResumed,   // It has a connection again.
    kSessionRenewed,   // Its client has shown new credentials, which hold from now on.
    kSessionEnded,     // `name` is down.
    kTakenOver,        // As kSessionEnded; another connection took the name.
    kConnectRefused,   // A connection was ended before it had a session.
    kConnectionEnded,  // The broker ended a connection that had one; kSessionEnded or kTakenOver follows.
    kAcceptPaused,     // The limit of connections is reached, `text` says which; others wait in the backlog.
    kAcceptResumed,
    kKicked,          // An operator ended the client; kConnectionEnded follows.
    kMemoryRefusing,  // The first stage: new clients and messages are refused for want of memory.
    kMemoryEnding,    // The second: the client named here, which held most, is ended.
    kMemoryFree,      // Neither any more.
    kDraining,
    kDrainTakenBack,
  };
  Kind kind;
  unsigned shard;
  std::string_view peer;  // `tcp://…` or `unix://…`; empty when not known any more.
  std::string_view name;  // As the client wrote it: any bytes, so escape it where that matters.
  uint64_t session;       // 0: none.
  Code code;              // The goodbye's code; kNone: the peer went away without one.
  std::string_view text;  // Why, for people.
  // Whose session it is, as Hooks::authenticate said; empty where there is no session, or no hook.
  std::string_view principal = {};
};
// "session_opened".
ONEHOP_EXPORT std::string_view to_string(BrokerEvent::Kind kind);

// What the embedder gives the broker to call.
enum class Handler : uint8_t {
  kOnEvent,       // BrokerOptions::on_event.
  kAuthenticate,  // Of Hooks, as the next three, and as kStillAllowed.
  kAuthorize,
  kOnConnect,
  kOnDisconnect,
  kOnStopped,   // Given to Broker::stop_then.
  kDestructor,  // Not a handler: a handler has destroyed the broker, which is refused.
  kStillAllowed,
};
// "on_event".
ONEHOP_EXPORT std::string_view to_string(Handler handler);

// A handler has thrown an exception, or done what it may not do. The views are valid during the call only.
struct HandlerException {
  Handler handler;
  std::string_view what;  // Its what(), for people; empty if it is not a std::exception.
};

// How a broker runs: where it listens, its threads, and its limits.
struct BrokerOptions {
  // Where to listen: `tcp://host:port`, `tcp://[v6]:port`, `tls://host:port`, `unix:///path`. Port 0 takes a free one.
  // At least one. TLS needs `tls`.
  std::vector<std::string> listen{"tcp://127.0.0.1:7411"};
  // Without TLS nothing is encrypted: unless this is set, only loopback addresses and Unix sockets are accepted there.
  bool allow_plaintext = false;
  // Threads, each with its own loop; 1 to 64. 0: one for each core the process may use.
  unsigned shards = 0;
  // How many shards listen on TCP addresses, sharing the port with SO_REUSEPORT; the others get their connections
  // handed over. 0: all of them. Unix sockets are always accepted by one shard.
  unsigned acceptors = 0;
  // Whether each shard's thread asks to run on a core of its own.
  bool pin = false;
  // A uv_loop_t of the program's own, on which the broker runs instead of on threads of its own; none: it has threads.
  // The broker has one shard then, so `shards` is 0 or 1, and neither `pin` nor `spin_us` may be set. Broker::start is
  // called on the thread that runs the loop, and Broker::stop_then says how such a broker ends. The loop must outlive
  // that end. Until then the broker keeps the loop alive: uv_run does not return by itself.
  uv_loop_s* loop = nullptr;
  // Microseconds, at most 1,000,000: how long a shard looks for events before it sleeps. 0: it sleeps at once. A longer
  // time saves a message the time that waking takes, and costs a core for each shard even when nothing happens.
  uint32_t spin_us = 0;
  // Connections beyond this wait in the kernel's backlog. 0: as the descriptor limit allows, with a reserve.
  uint64_t connections_max = 0;

  // As `listen`, for listeners behind a balancer: each connection must begin with a PROXY protocol header, version 1 or
  // 2, and may come only from an address in `proxy_from`. A header is required there, and nowhere else accepted.
  std::vector<std::string> listen_proxy;
  // Whose PROXY headers are believed: addresses or CIDR ranges, `10.0.0.0/8`, `fd00::/8`, `127.0.0.1`; `unix` for those
  // who come through a Unix socket. Must not be empty if listen_proxy is not.
  std::vector<std::string> proxy_from;

  // The server's side of TLS, for addresses that begin with `tls://`: Tls::security() of tls.h. None: there are no such
  // addresses. It stays the same while the broker runs; Tls::reload() has it use other files.
  std::shared_ptr<TransportSecurity> tls;
  // How many TLS handshakes may be under way at a time, on all shards together; 1 to 100,000. Each takes up to 80 KiB.
  // Newcomers beyond wait for their turn, until their time to connect is up; clients that are connected do not notice.
  uint32_t tls_handshakes_max = 256;

  // Limits of one source address (an IPv6 one counts by its /64; behind a PROXY header the one it names); 0: none.
  // A connection beyond is told RATE_EXCEEDED, with the time after which to try again; one with TLS is closed before
  // its handshake, without a word. Unix sockets have no limit.
  uint32_t address_connections_max = 0;
  uint32_t address_connects_per_second = 0;
  uint32_t address_connects_burst = 0;  // How many at once; 0: as many as in one second.
  // Sessions that were opened from there and have not ended, those that are away included. Whoever resumes a session,
  // or takes the place of one of the same name, is let in all the same.
  uint32_t address_sessions_max = 0;
  // Limits of what one client sends; 0: no limit. A message that exceeds one is refused with RATE_LIMITED, and its
  // sender is told when to send it again. The connection stays open.
  uint32_t client_messages_per_second = 0;
  uint32_t client_messages_burst = 0;  // How many at once; 0: as many as in one second.
  uint64_t client_bytes_per_second = 0;
  uint64_t client_bytes_burst = 0;  // 0: as many as in one second; at least frame_bytes_max.
  // The memory that everything that waits or is unacknowledged may take, on all shards together. From 7/8 of it on new
  // clients and new messages are refused (SERVER_BUSY, BROKER_BUSY). When all of it is used, the clients that hold most
  // are ended, one after the other. At least 2 × queue_bytes_max. 0: half of the control group's memory limit, or of
  // the machine's memory.
  uint64_t memory_bytes_max = 0;
  // A connection of this age, give or take a tenth, is told to connect anew, so that clients spread to new replicas.
  // Its session stays for as long as its expiry says. 0: never.
  uint32_t connection_age_ms_max = 0;

  // Drain: see Broker::drain.
  uint32_t drain_delay_ms = 0;       // Between failing readiness and telling anybody, for balancers that poll.
  uint32_t drain_spread_ms = 5'000;  // Each client is told to come back after a time of its own, up to this.
  // Socket buffers of accepted connections, in bytes as SO_SNDBUF and SO_RCVBUF take them; 0: the system's.
  int send_buffer_bytes = 0;
  int receive_buffer_bytes = 0;

  // Limits of the protocol: see docs/delivery.md. 0: the default, which is given here.
  uint32_t frame_bytes_max = 1 << 20;  // 16 KiB to 64 MiB.
  uint32_t queue_bytes_max = 4 << 20;  // For each client; at least 4 × frame_bytes_max.
  uint32_t keepalive_ms = 30'000;      // For clients that ask for none; 1,000 to 600,000.
  uint32_t slow_consumer_ms = 10'000;
  uint32_t pause_lease_ms = 1'000;
  uint32_t send_window = 4'096;                 // Confirmed messages of one client without an outcome; to 1,000,000.
  uint32_t receive_window = 1'024;              // Unacknowledged deliveries, for clients that ask for none; to 65,535.
  uint32_t ack_timeout_ms = 300'000;            // A client whose window is full and that settles nothing is ended.
  uint32_t session_expiry_ms_max = 86'400'000;  // What a client may ask for.
  uint32_t ttl_ms_max = 3'600'000;              // Longer ttls are cut to this; messages without a ttl get it.
  // How long after its start the broker expects clients of the broker before it to come back: until then UNKNOWN_CLIENT
  // comes with retry_after_ms, and clients that can wait do. 0: not at all. The default is the longest time between two
  // attempts of the C++ client, so that every one that was trying to connect has come by then.
  uint32_t start_grace_ms = 30'000;

  // Called on the shards' threads, so it must be quick and safe to call from several at once. May be empty. It may call
  // the broker: Broker says what each method does then.
  std::function<void(const BrokerEvent&)> on_event;
  // Who may connect, and what clients may do: see hooks.h.
  Hooks hooks;
  // Called when a handler, such as on_event or a hook, has thrown an exception, on the thread on which it was thrown.
  // The broker goes on as if the handler had returned. What on_exception itself throws is dropped. May be empty;
  // BrokerCounters::handler_exceptions counts them in any case.
  std::function<void(const HandlerException&)> on_exception;
};

// What may be asked of a broker while it runs is in inspection.h.
//
// THREADS. Any thread may call any method, also several at once, until the destructor. Methods that ask the shards wait
// for their answers for a second at most; a shard that does not answer is left out, and the answer says so.
//
// HANDLERS and hooks run on a shard's thread, which may not wait for shards. So a method that is called there does not
// wait. Those that do anything different there say so below, at "from a handler".
//
// A LOOP OF THE PROGRAM'S (BrokerOptions::loop). Outside of handlers, calls on the loop's thread are answered at once.
//
// FORKED CHILDREN. The threads of a broker do not exist in a child that fork() made, so a broker is of no use there.
// Every method returns at once without doing anything: answers are empty, what can fail says that it has failed. The
// destructor returns at once and frees nothing. The child has copies of the broker's sockets until it calls exec() or
// ends, and as long as it has them the broker's port stays taken.
class ONEHOP_EXPORT Broker {
 public:
  // Starts listening and serving. On failure returns nothing and says why in `error`, naming the option or address.
  static std::unique_ptr<Broker> start(const BrokerOptions& options, std::string& error);
  // What is wrong with the options as far as it can be known without listening, `option: why`; or nothing. Any thread,
  // also without a broker.
  static std::string check(const BrokerOptions& options);
  // Everything that is wrong with the options, one text for each fault; check() returns the first. A text that is about
  // several options names all of them.
  static std::vector<std::string> check_all(const BrokerOptions& options);
  // Stops the broker as stop(0) does. From a handler it is refused, because the thread that runs cannot wait for its
  // own end: the broker serves on until the process ends, and on_exception is told of it.
  // A broker on a loop of the program's is destroyed on the loop's thread, from a handler too. If it has not been
  // stopped, the destructor returns at once, no handler is called any more, and the next turns of the loop end the
  // broker. On another thread that is refused in the same way.
  virtual ~Broker() = default;

  // The addresses listened on, with the ports really bound, in the order of BrokerOptions::listen, then of
  // listen_proxy.
  virtual std::vector<std::string> addresses() const = 0;
  virtual unsigned shards() const = 0;
  // From a handler: the handler's own shard counts as it is now, the others as they last answered.
  virtual BrokerCounters counters() = 0;

  // A client in this process: see local_client.h. It connects at once; events.on_open() or on_ended() tells whether it
  // has the name. On failure returns nothing and says why in `error`: an option breaks the rules, or the broker has
  // been stopped. `events` outlives the client.
  virtual std::unique_ptr<LocalClient> attach(const LocalClientOptions& options, LocalClientEvents& events,
                                              std::string& error) = 0;
  // The shard where a client of this name lives, from 0 to shards() - 1.
  virtual unsigned home_of(std::string_view name) = 0;

  // Applies the options that may change while it runs; docs/configuration.md says which. If an option that may not
  // change differs, or one is wrong, it applies nothing, returns false and says why in `error`. What it applies
  // holds for everything that comes after it has returned. A shard that is busy for longer than a second is not waited
  // for, and applies it later. From a handler it waits for no shard: each applies it soon.
  virtual bool reload(const BrokerOptions& options, std::string& error) = 0;

  // What Hooks::authorize said about messages holds no more: it is asked again. Messages that come after this has
  // returned are judged by the new answers. Hooks::still_allowed is then asked about every session, a part of them at a
  // time, and those that it does not cover any more end. Without that hook clients that are connected keep their names.
  // A shard that is busy for longer than a second is not waited for. From a handler it waits for no shard.
  virtual void policy_changed() = 0;

  // Begins the end: readiness fails at once; after drain_delay_ms nothing more is accepted, and every client is told
  // goodbye SERVER_SHUTTING_DOWN, with a time of its own to come back after, and with the rest of `deadline_ms` as its
  // grace. New messages are refused (SHUTTING_DOWN); acknowledgements and receipts flow until the client says goodbye.
  // Sessions without a connection end. A client that stays is told goodbye once more at the deadline. The broker
  // answers questions until stop(). Returns at once. A second call does nothing.
  virtual void drain(uint32_t deadline_ms) = 0;
  // Takes a drain back, so that clients are let in as before. That is possible during drain_delay_ms only: afterwards
  // clients have been told, and the listeners are closed. Returns whether the broker does not drain now.
  virtual bool undrain() = 0;
  // How far a drain has come. From a handler: kLeaving also if no connection is left.
  enum class DrainPhase : uint8_t {
    kNone,     // There is no drain.
    kDelay,    // drain_delay_ms lasts: clients are let in, and know of nothing.
    kLeaving,  // Clients are told, and some connection is left.
    kDrained,  // No connection is left, and every listener is closed, so nobody can come any more.
  };
  virtual DrainPhase drain_phase() = 0;
  // Drains, unless a drain has begun, and waits until all connections have ended, at most for `deadline_ms`.
  // Connections that are open then are ended without waiting. Afterwards the broker cannot be used any more: it answers
  // questions about what was. A second call returns what the first did.
  enum class Stopped : uint8_t {
    kAllEnded,  // All connections have ended by themselves.
    kCutOff,    // Some were open at the deadline.
    kRefused,   // Nothing was done: called from a handler, which may call drain() and stop_now(), or in a forked child.
  };
  virtual Stopped stop(uint32_t deadline_ms) = 0;
  // The same for a broker on a loop of the program's, without waiting: `on_stopped` is called once, on the loop's
  // thread, when all is over. It may destroy the broker. To be called on the loop's thread, also from a handler.
  // Returns false, and does nothing, on another thread, in a forked child, or if the broker has threads of its own. On
  // a thread other than the loop's stop() may be called instead, and waits while the loop does the work.
  virtual bool stop_then(uint32_t deadline_ms, std::function<void(Stopped)> on_stopped) = 0;
  // Cuts short the wait of stop() or stop_then(). At any other time it does nothing.
  virtual void stop_now() = 0;

  // Whether connections are let in. A broker that is short of memory is ready still, because clients that resume a
  // session, and take what waits for them, are let in.
  enum class Readiness : uint8_t {
    kReady,
    kDraining,   // Also when it has been stopped.
    kFull,       // The limit of connections is reached.
    kShardFull,  // A shard has all the clients it takes: it refuses new ones.
    kForked,     // This is a forked child: see above.
  };
  // If it is not ready, says why in words for people; otherwise `why_not` is empty.
  virtual Readiness readiness(std::string& why_not) = 0;
  bool ready(std::string& why_not) { return readiness(why_not) == Readiness::kReady; }
  // Whether every shard answers within that time. From a handler no shard is asked: the answer is then whether no other
  // shard has been busy for longer than that.
  virtual bool alive(uint32_t within_ms) = 0;

  // The clients that match, in the order and within the limits that the query gives.
  // From a handler: nothing, and ClientPage::answered says kNotFromHandler.
  virtual ClientPage clients(const ClientQuery& query) = 0;
  // Recent ends, newest first: of clients, and of connections that never became one.
  virtual std::vector<RecentEnd> recent_ends(size_t limit, std::string_view name_part) = 0;
  // Would a message from one client to the other arrive now, and if not, why not? From a handler: nothing, and
  // Trace::answered says kNotFromHandler.
  virtual Trace trace(std::string_view from, std::string_view to) = 0;
  // Ends a client: goodbye ADMINISTRATIVE with this text, UTF-8 of at most 256 bytes, and the end of its session. Then
  // its name is kept out for `bar_for_ms`, also if there is no such client now: whoever connects with it is told
  // ADMINISTRATIVE, and the rest of the time as retry_after_ms. The last kick of a name counts, so one with 0 lets it
  // in again. At most 1,024 names are kept out: one more, and the one that was kicked first is let in.
  enum class Kick : uint8_t {
    kEnded,
    kNoSuchClient,
    kNoAnswer,  // Its shard is busy: nothing was done, nor will be.
    kSoon,      // Called from a handler: the client is ended as soon as its shard gets to it, if there is one.
  };
  virtual Kick kick(std::string_view name, std::string_view text, uint32_t bar_for_ms = 0) = 0;
};

}  // namespace onehop
