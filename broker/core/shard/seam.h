// The seam between a shard and its host: the calls that pass between them. shard.h adds what a host or an operator may
// read: counters, how many links are to be written to, clients. The broker's server, the simulator and the benchmarks
// are hosts, and core knows no other world.
//
// The rules of the seam:
//  1. A shard has one thread. Every call in carries `now`, which never goes back; core reads no clock.
//  2. The host calls in (ShardInputs), the shard calls out (Host). During a call in, the shard may call out. The host
//     does not call in again before that call has returned, and reports the effects of a call out later.
//  3. The shard writes, closes, hands over and posts only inside flush(); set_reading, give_back, ask, note and random
//     may come out of any call. The host calls flush() after the events of an iteration, and earlier when
//     flush_wanted() says so. Last before it sleeps, the host calls on_tick(). If flush_wanted() is true after that, it
//     calls flush() and on_tick() again.
//  4. No call needs its answer at once. What cannot be known at once is asked with a ticket and answered later.
//  5. A link has one owner at a time. It ends by one call from either side (close, hand_over, or on_link_failed); after
//     that call neither side names it again. What is noted of it is noted before.
//  6. Bytes passed in or out are the caller's and are not kept after the call, except where it says "owned".
//  7. A host reads before it lets the shard judge. It calls on_tick only if it has looked for events a moment before
//     `now`; after a long sleep, a long event or a stop of the process it looks once more, without sleeping, and ticks
//     then. If a link has more bytes than the host has read, the host calls on_unread().
//
// A local client runs in the process of the broker and has a link like any other client: with a name, a window, a
// queue, and an end. Its messages come in by submit(), not as frames. Its Connect, acks, pings and goodbye, which are
// few, come as bytes. The shard writes to it with Host::write, usually once in each flush. If the client is slow,
// write() takes less than it is offered.
//
// What comes next will be further kinds of Question: claiming or finding a name on another machine, and storing a
// message on disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/base/limits.h"
#include "core/crossing/parcel.h"
#include "core/wire/message_scan.h"

namespace onehop::core {

// Why a host does not let a connection in.
struct Refusal {
  uint32_t code = 0;  // onehop.v1.Code
  Bytes text;
  uint32_t retry_after_ms = 0;
};

// A connection whose transport is complete (PROXY header, TLS, upgrade), at its beginning or handed over by the shard
// that accepted it.
struct ArrivingLink {
  HostLink host;
  // Absolute; a complete Connect must have come by then. A hand-over carries it along unchanged.
  Instant connect_deadline;
  // What has been read already. Not kept.
  Bytes unread;
  // If its code is not 0, the connection is refused with this goodbye.
  Refusal refusal{};
  // Whether it ends when it has reached the age of connections.
  bool ages = true;
};

// How the host is to end a link.
enum class CloseHow : uint8_t {
  kGraceful,  // Everything is written: shut the sending side down, discard what arrives for 5 s at most, close.
  kAtOnce,    // Nothing more can be said: close.
};

struct Question {
  enum class Kind : uint8_t {
    // May the client on this link own this name with these credentials? Asked once per Connect.
    kAuthenticate,
    // May the client on this link send to the client `name`? Asked once for each sender and destination, until
    // on_policy_changed(), and only if ShardConfig::asks_permission. `accepted` is the answer. A refusal with a code
    // says that it cannot be said now.
    kSend,
    // Are these credentials, with which the session's client wants to go on, good? `accepted` and `principal` are the
    // answer; another principal than the session's is refused. A refusal with the code SERVER_BUSY says that it cannot
    // be said now. Meanwhile the link is read.
    kRenew,
    // May the client on this link send to the topic or to the service `name`? As kSend.
    kPublish,
    kRequest,
    // May it subscribe to the filter `name`, or serve the service `name`? It is asked about each Subscribe. When the
    // policy or the credentials change, it is asked about all that a session has subscribed to and serves, also of one
    // that is away.
    kSubscribe,
    kServe,
    // May this session stay after a change of the policy? Asked about each session, also about one that is away, and
    // only if ShardConfig::asks_who_stays. The host answers at once. A refusal without a code ends the session. One
    // with a code says that it cannot be said now: the client loses its connection with that code, and its session
    // stays.
    kStay,
    // May the client on this link watch whether the client `name` is connected; or, if an asterisk ends it, all whose
    // names begin with what is before that? As kSubscribe, but that only sessions with a connection are asked about
    // again. One that may not keep a watch stays, and that watch ends.
    kWatch,
  };
  Kind kind;
  HostLink link;
  // Of kAuthenticate: as in Connect, and empty when the broker is to make one. Of kSend, kPublish and kRequest: the
  // destination. Of kSubscribe: the filter. Of kServe: the service. Of kWatch: who. Of kRenew and kStay: the session's
  // own.
  Bytes name;
  Bytes token;             // Connect.token, or Renew.token.
  bool take_over = false;  // Whether the Connect asks to take the name over from whoever has it.
  uint64_t session = 0;    // The one that is asked about; 0 with kAuthenticate.
  // The name of the session, unless the question is kAuthenticate, kRenew or kStay.
  Bytes sender{};
};

struct Answer {
  bool accepted = false;
  // Identifies who connects, the same for every connection. 0: nobody in particular, because there are no credentials.
  uint32_t principal = 0;
  // If refused: what the goodbye says.
  uint32_t code = 0;  // onehop.v1.Code; 0 means BAD_CREDENTIALS.
  Bytes text;
  uint32_t retry_after_ms = 0;
  // Whether a client that asks for it may take the name over from whoever has it.
  bool may_take_over = true;
  // If its code is not 0, a client that would add a session is refused with this goodbye. Resumes and takeovers are let
  // in.
  Refusal one_more{};
  // When the credentials end, if they are accepted.
  Instant credentials_end = Instant::never();
};

// When the answer to a question comes. `kNow`: it is there. `kLater`: it follows as on_answer with the same ticket;
// until then the link is not read, unless the question is kRenew.
enum class Answered : uint8_t { kNow, kLater };

// The result of submit(). A message that is refused counts as taken: its sender is told the outcome as usual.
enum class Submitted : uint8_t {
  kTaken,
  kWaits,  // The message was not taken, and the client has to wait.
  kEnds,   // The link is not open, or it ends now because the message breaks the protocol or a limit.
};

// Something worth a log line, a counter or an audit record. Valid for the call only.
struct Event {
  enum class Kind : uint8_t {
    kSessionOpened,    // The name is up.
    kSessionDetached,  // Its connection is gone; the session stays.
    kSessionResumed,   // It has a connection again.
    kSessionRenewed,   // Its client has shown new credentials, which hold from now on.
    kSessionEnded,     // The name is down.
    kTakenOver,        // As kSessionEnded; another connection took the name.
    kConnectRefused,   // A goodbye before the session was open.
    kConnectionEnded,  // The broker ended an open connection with this code.
    kKicked,           // An operator ends this client; kConnectionEnded or kSessionEnded follows.
    kMemoryRefusing,   // Of all shards together: new clients and messages are refused from now on.
    kMemoryEnding,     // This client is ended, for it holds most; kConnectionEnded or kSessionEnded follows.
    kMemoryFree,       // Nobody is refused any more.
  };
  Kind kind;
  HostLink link;         // 0 if the link has ended.
  Bytes name;            // As the client wrote it; may be empty or break the rules before the session is open.
  uint64_t session = 0;  // 0 before the session is open.
  uint32_t code = 0;     // onehop.v1.Code of the goodbye; 0: the peer went away without one.
  Bytes text;            // The goodbye's text.
};

// How an end is announced.
struct Drain {
  uint32_t grace_ms = 1;   // What clients are told that they have left. At least 1.
  uint32_t spread_ms = 0;  // They are told to come back at times spread evenly over this many milliseconds.
};

// Out: what a shard asks of its host.
class Host {
 public:
  // Offers bytes to the link's socket without blocking. Returns how many it took; fewer than offered means that the
  // socket is full and on_writable follows. If the link has failed: 0, and on_link_failed follows.
  virtual size_t write(HostLink link, std::span<const Iov> pieces) = 0;
  // Whether the link is to be read. A new link is being read. While it is not, there is no on_received for it, not even
  // of bytes the transport has already, and its end of stream waits; on_writable and on_link_failed come as ever.
  virtual void set_reading(HostLink link, bool reading) = 0;
  // Ends the link.
  virtual void close(HostLink link, CloseHow how) = 0;
  // Ends the link here and gives it to shard `home`, where it arrives with these unread bytes and this deadline.
  virtual void hand_over(HostLink link, ShardIndex home, Bytes unread, Instant connect_deadline) = 0;
  // Carries an owned parcel to another shard, where it arrives as on_parcel. Parcels of one ordered pair of shards
  // arrive in the order posted; none is lost.
  virtual void post(ShardIndex to, Parcel parcel) = 0;
  // Carries an emptied parcel, owned, back to the shard that posted it, where it arrives as on_credit.
  virtual void give_back(ShardIndex to, Parcel parcel) = 0;
  virtual Answered ask(Ticket ticket, const Question& question, Answer& answer) = 0;
  // Memory is used up: some connections that are not links yet are to end. Returns what all transports hold afterwards.
  // A host without transports has nothing to end.
  virtual uint64_t end_arrivals() { return 0; }
  virtual void note(const Event& event) = 0;
  // Unpredictable bytes: keys of tokens, made names.
  virtual void random(std::span<char> out) = 0;

 protected:
  ~Host() = default;
};

// In: what a host tells a shard.
class ShardInputs {
 public:
  // A link begins. The id names it in later calls, until it ends. A stale id is ignored.
  virtual LinkId on_link(const ArrivingLink& link, Instant now) = 0;
  // The buffer for the next read of this link; without an id, of a link that has not begun yet. Valid until the next
  // call in. Reading into it saves a copy. A read must not be larger than the buffer.
  virtual std::span<char> receive_space(LinkId id) = 0;
  // `size` bytes of the link have been read into receive_space().
  virtual void on_received(LinkId link, size_t size, Instant now) = 0;
  // Takes a message of a local client that has its Connected. `body` is an encoded onehop.v1.Message, and `message` is
  // the result of scan_message on these very bytes: its destination_name lies in them. Neither is kept after the call.
  // If the result is kWaits, set_reading(false) has been called for the link. The host submits the message again after
  // set_reading(true).
  virtual Submitted submit(LinkId link, const ScannedMessage& message, Bytes body, Instant now) = 0;
  // There is more to read of the link, and the host reads it later. Until then the link is not judged for being late or
  // silent. The host repeats the call in each iteration in which that is so.
  virtual void on_unread(LinkId link) = 0;
  // The link's socket takes bytes again.
  virtual void on_writable(LinkId link, Instant now) = 0;
  // The peer has closed its sending side. Not the end of the link: what is decided for it is still written, then it is
  // closed.
  virtual void on_end_of_stream(LinkId link, Instant now) = 0;
  // The link has ended: reset, or another error of its transport.
  virtual void on_link_failed(LinkId link, Instant now) = 0;
  // A parcel, owned, from another shard.
  virtual void on_parcel(ShardIndex from, Parcel parcel, Instant now) = 0;
  // A parcel posted to `to` comes back empty: room for another.
  virtual void on_credit(ShardIndex to, Parcel parcel, Instant now) = 0;
  // The answer to a question that was pending; ignored if its link has ended.
  virtual void on_answer(Ticket ticket, const Answer& answer, Instant now) = 0;
  // The policy has changed. Answers to kSend are forgotten and asked for again, and the host is asked which sessions
  // may stay (kStay).
  virtual void on_policy_changed(Instant now) = 0;
  // Runs what is due; returns when to be called again at the latest, if nothing else comes in between. See rule 7.
  virtual Instant on_tick(Instant now) = 0;
  // Writes, closes and posts what the calls since the last flush brought about. If flush_wanted() is still true after
  // it, there is more to do: call again before sleeping.
  virtual void flush(Instant now) = 0;
  virtual bool flush_wanted() const = 0;
  // Changes the limits. frame_bytes_max and the send window must stay, because clients were told them.
  virtual void set_limits(const Limits& limits, Instant now) = 0;
  // Announces the end: every client is told goodbye, with its grace and with a time of its own to come back after, and
  // its connection stays. Nothing new is admitted and nobody is let in; what was admitted before is delivered, settled
  // and told until the client says goodbye. Sessions that are away end. stop() follows.
  virtual void drain(const Drain& drain, Instant now) = 0;
  // Begins the end: what is open is settled, between shards too, then every client is told goodbye
  // SERVER_SHUTTING_DOWN, and no new one is let in. Links end one by one. A second call stops the waiting for other
  // shards.
  virtual void stop(Instant now) = 0;
  // Whether no other shard waits for this one any more. Until then its host goes on, though no link is left.
  virtual bool stopped() const = 0;

 protected:
  ~ShardInputs() = default;
};

}  // namespace onehop::core
