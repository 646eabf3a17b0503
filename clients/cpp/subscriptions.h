// Which topics a client wants, and which services it serves: what the program has said last of each filter and service,
// and what the broker has answered. The wishes outlive connections and sessions.
//
// What a connection has not answered is asked again on the next one, because an answer is lost with its connection. A
// new session has no subscriptions: there everything that is wanted is asked for.
//
// Invariants: an entry is `settled` exactly if the broker's answer to its latest wish has come in this session. While
// the connection is open, each other entry is under way, waits to be repeated, or is owed an answer that the broker
// cannot give. under_way_ has exactly the entries with a `ref`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/contained_events.h"
#include "client/sender.h"
#include "core/base/bytes.h"
#include "core/base/instant.h"
#include "onehop/topics.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::client {

class Subscriptions {
 public:
  // Both outlive this.
  Subscriptions(ContainedEvents& events, Sender& sender) : events_(events), sender_(sender) {}

  // The program's side: kAccepted, or kInvalid.
  SendStatus subscribe(std::string_view filter, const SubscribeOptions& options);
  SendStatus unsubscribe(std::string_view filter);
  SendStatus serve(std::string_view service);
  SendStatus unserve(std::string_view service);

  // The connection's side. closed(): it is not open any more, or is about to say goodbye.
  void opened(const v1::Connected& connected);
  void closed();
  // Answers what is wrong with the frame; nullptr: nothing.
  const char* on_subscribed(core::Bytes body, core::Instant now);
  void on_tick(core::Instant now);
  core::Instant deadline() const { return owed_.empty() ? again_at_ : core::Instant{}; }

 private:
  struct Entry {
    bool wanted = true;
    bool no_echo = false;
    bool settled = false;
    // Whether a broker has ever answered that it holds. If so, later sessions ask for it again, even after a refusal.
    bool has_held = false;
    // The `ref` of the frame whose answer is awaited; 0: none is.
    uint64_t ref = 0;
    core::Instant again_at = core::Instant::never();
  };
  // A filter of topics, or a service.
  using Key = std::pair<Destination, std::string>;
  using Entries = std::map<Key, Entry>;

  SendStatus wish(Key key, bool wanted, bool no_echo);
  void ask(Entries::iterator place);
  void settle(Entries::iterator place, Reason reason);
  void tell(const Key& key, bool wanted, Reason reason);

  ContainedEvents& events_;
  Sender& sender_;
  Entries entries_;
  std::map<uint64_t, Entries::iterator> under_way_;
  // Those whose answer the client gives itself: the broker serves no topics, or the subscription to be ended is gone
  // already, with its session.
  std::vector<Key> owed_;
  uint64_t last_ref_ = 0;
  core::Instant again_at_ = core::Instant::never();
  bool open_ = false;
  bool served_ = false;
};

}  // namespace onehop::client
