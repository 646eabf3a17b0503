// A broker in memory: shards, each with a host of its own, and the links between them and clients. Time and the moment
// at which a parcel, a credit or an answer arrives are the test's to choose; everything else is carried out at once.
//
// The host holds the shard to the rules of the seam: writes, closes, hand-overs and posts come out of flush only, a
// link that has ended is not named again, and a link that is not read receives nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/wheel.h"
#include "core/shard/shard.h"
#include "frames.h"

namespace onehop::core::test {

// How late a deadline may come.
constexpr uint64_t kTick = 2 * Wheel::kTickMs;

// One connection, with what a kernel would hold for it.
struct FakeLink {
  ShardIndex shard = 0;
  LinkId id;
  std::string inbound;                  // Sent by the peer, not yet received.
  std::string outbound;                 // What the broker wrote.
  size_t write_capacity = SIZE_MAX;     // What the socket still takes.
  size_t write_at_once_max = SIZE_MAX;  // What one write takes.
  bool reading = true;
  bool blocked = false;  // The shard waits for on_writable.
  bool stream_ended = false;
  bool closed = false;
  bool failed = false;  // Reset by the peer.
  bool told = false;    // And the shard has been told: it may note the link's end, no more.
  CloseHow how{};
  Instant connect_deadline;  // As it was given to the shard the link is at.
};

struct Noted {
  Event::Kind kind;
  uint64_t link;
  std::string name;
  uint64_t session;
  v1::Code code;
  std::string text;
};

struct Asked {
  ShardIndex shard;
  Ticket ticket;
  std::string name;
  std::string token;
  bool take_over = false;
  // Of the sender, if the question is whether it may send to `name`.
  std::string sender{};
  uint64_t session = 0;
};

class FakeBroker;

// The host of one shard.
class FakeHost final : public Host {
 public:
  FakeHost(FakeBroker& broker, const ShardConfig& config);

  size_t write(HostLink link, std::span<const Iov> pieces) override;
  void set_reading(HostLink link, bool reading) override;
  void close(HostLink link, CloseHow how) override;
  void hand_over(HostLink link, ShardIndex home, Bytes unread, Instant connect_deadline) override;
  void post(ShardIndex to, Parcel parcel) override;
  void give_back(ShardIndex to, Parcel parcel) override;
  Answered ask(Ticket ticket, const Question& question, Answer& answer) override;
  void note(const Event& event) override;
  void random(std::span<char> out) override;
  uint64_t end_arrivals() override;

  Shard shard;
  Instant due = Instant::never();

 private:
  friend class FakeBroker;
  FakeLink& live(HostLink link);

  FakeBroker& broker_;
  ShardIndex index_;
  bool flushing_ = false;
};

class FakeBroker {
 public:
  explicit FakeBroker(ShardIndex shards = 1, const Limits& limits = {}, bool asks_permission = false,
                      bool asks_who_stays = false);
  FakeBroker(const FakeBroker&) = delete;
  FakeBroker& operator=(const FakeBroker&) = delete;

  // A new connection, accepted by this shard; returns its number.
  size_t open_link(ShardIndex shard);
  // Lets everything that can happen now happen.
  void settle();
  // As settle, while time passes; deadlines come when they are due.
  void advance(uint64_t ms);
  // A name of this shape that lives on `shard`.
  std::string name_on(ShardIndex shard, const std::string& beginning = "client") const;
  ShardIndex shards() const { return static_cast<ShardIndex>(hosts_.size()); }
  Shard& shard(ShardIndex index = 0) { return hosts_[index]->shard; }
  const Counters& counters(ShardIndex index = 0) { return shard(index).counters(); }
  void answer(const Asked& asked, const Answer& answer);
  void stop();
  // The notes of one link of these kinds.
  std::vector<Noted> notes_of(size_t link, std::initializer_list<Event::Kind> kinds) const;

  Instant now{1'000'000};
  std::deque<FakeLink> links;
  std::vector<Noted> notes;
  std::vector<Asked> asked;
  // What ask() answers; `answer_later` keeps the questions in `asked`.
  Answer verdict{true, 0, 0, {}, 0};
  bool answer_later = false;
  // The same for whether a client may send to another one.
  std::vector<Asked> asked_to_send;
  Answer may_send{true, 0, 0, {}, 0};
  bool answer_to_send_later = false;
  // And for topics to publish to, filters to subscribe to, and names or prefixes with an asterisk to watch: all but
  // these.
  std::vector<Asked> asked_about_topics;
  std::map<std::string, Answer> topics_not_allowed;
  bool answer_about_topics_later = false;
  // The same for a renewal of credentials.
  std::vector<Asked> asked_to_renew;
  Answer may_renew{true, 0, 0, {}, 0};
  bool answer_to_renew_later = false;
  // And for who may stay: everybody but these, by name.
  std::vector<Asked> asked_to_stay;
  std::map<std::string, Answer> may_not_stay;
  // How often end_arrivals() was called, and what it answers.
  int arrivals_ended = 0;
  uint64_t transport_bytes_left = 0;
  // Pairs of shards, from and to, between which parcels or credits stay where they are.
  std::set<std::pair<ShardIndex, ShardIndex>> held_parcels;
  std::set<std::pair<ShardIndex, ShardIndex>> held_credits;
  uint64_t flushes = 0;
  MemoryLedger ledger;  // Outlives the shards.

 private:
  friend class FakeHost;
  struct Crossing {
    ShardIndex from;
    ShardIndex to;
    Parcel parcel;
  };
  struct HandedOver {
    size_t link;
    ShardIndex home;
    std::string unread;
    Instant connect_deadline;
  };

  bool step(ShardIndex index);
  bool step_links(ShardIndex index);
  bool step_crossings(ShardIndex index);
  bool deliver_bytes(FakeLink& link);

  std::vector<std::unique_ptr<FakeHost>> hosts_;
  std::deque<Crossing> parcels_;
  std::deque<Crossing> credits_;
  std::deque<HandedOver> handed_over_;
  bool posted_ = false;  // Since the last round of settle.
  uint64_t random_ = 0x0123456789ABCDEF;
};

// One client, as its program sees it.
class FakeClient {
 public:
  // Opens a connection and says nothing.
  explicit FakeClient(FakeBroker& broker, ShardIndex shard = 0) : broker_(&broker), link_(broker.open_link(shard)) {}
  // Connects; the first frame it reads is Connected.
  FakeClient(FakeBroker& broker, const v1::Frame& connect, ShardIndex shard = 0);
  FakeClient(FakeBroker& broker, const std::string& name, ShardIndex shard = 0)
      : FakeClient(broker, connect_frame(name), shard) {}

  // Connects a client that has said nothing yet. Returns what it reads behind Connected.
  std::vector<v1::Frame> connect(const v1::Frame& connect);

  void send(const v1::Frame& frame) { send_bytes(wire(frame)); }
  void send_bytes(const std::string& bytes);
  void send(const std::string& to, uint64_t id, const std::string& payload = "") {
    send(message_frame(to, id, payload));
  }
  void end_stream();
  void reset();
  // From now on the socket takes this much more.
  void set_room(size_t bytes) { link().write_capacity = bytes; }
  void stop_reading() { set_room(0); }
  // Takes this much more, or everything.
  void take(size_t bytes = SIZE_MAX);

  // The frames that came since the last call. Fails the test if bytes are left that are no whole frame.
  std::vector<v1::Frame> read();
  // As read, if exactly one frame came.
  v1::Frame read_one();
  bool closed() { return link().closed; }
  FakeLink& link() { return broker_->links[link_]; }
  size_t number() const { return link_; }
  const v1::Connected& connected() const { return connected_; }

 private:
  FakeBroker* broker_;
  size_t link_;
  size_t parsed_ = 0;
  v1::Connected connected_;
};

// Expects that the broker ended this client with `code`: a goodbye as the last frame, the link closed gracefully, and
// one note of the kind that fits. Returns the frames before the goodbye.
std::vector<v1::Frame> expect_ended(FakeBroker& broker, FakeClient& client, v1::Code code);

}  // namespace onehop::core::test
