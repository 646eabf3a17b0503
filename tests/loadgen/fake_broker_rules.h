// What a broker must do, as docs/wire.md tells it, in its simplest form: frames in, frames out; sockets and the clock
// are the caller's. It is written from that page and the schema alone, and so is a second opinion on whoever talks to
// it.
//
// Not served, and answered with a goodbye that says so: resuming, acknowledging other than up to a tag.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fake_broker_delays.h"
#include "fake_broker_seen.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::test {

// What it does to every N-th message, or once it has taken N of them; 0: never. So what a test must find is known to
// the message.
struct Misdeeds {
  uint64_t reject_every = 0;  // Tells REJECTED.
  uint64_t expire_every = 0;  // Tells EXPIRED.
  uint64_t lose_every = 0;    // Tells LOST.
  uint64_t drop_every = 0;    // Neither delivers it nor tells anything.
  uint64_t lie_every = 0;     // Tells DELIVERED, and delivers nothing.
  uint64_t double_every = 0;  // Delivers it twice.
  uint64_t babble_after = 0;  // Sends its sender bytes that are no frame.
  uint64_t freeze_after = 0;  // Stands still for ever (SIGSTOP).
  uint64_t die_after = 0;     // Ends at once.
};

struct Rules {
  Misdeeds misdeeds = {};
  uint32_t send_window = 65'535;
  // How long to hold a message back that came at this time, in ns; earlier ones of the same two clients stay before it.
  std::function<uint64_t(uint64_t received_ns)> delay;
};

// A message on its way: from whom, and when it came.
struct Held {
  uint64_t sender = 0;  // Sessions.
  uint64_t recipient = 0;
  uint64_t received_ns = 0;
  v1::Message message;
  bool twice = false;
};

// A connection, and from its Connect on its session, which ends with it.
struct Client {
  std::string in;      // Came, and not read yet.
  std::string out;     // To be sent.
  bool ended = false;  // Nothing more is read from it, and the stream ends once `out` is sent.
  bool changed = false;

  std::string name;
  uint64_t session = 0;  // 0: no Connect yet.

  // As a sender.
  uint64_t last_id = 0;
  uint64_t under_way = 0;  // Confirmed messages without an outcome, and outcomes that were not acknowledged.
  v1::Frame receipts;      // Not written yet: numbered ones, and refusals of unconfirmed messages.
  v1::Frame refusals;
  uint64_t last_seq = 0;
  std::deque<std::pair<uint64_t, uint64_t>> told;      // Seq, and how many outcomes it told.
  std::unordered_map<uint64_t, uint64_t> last_due_ns;  // By the recipient's session.

  // As a recipient.
  struct Open {
    uint64_t tag = 0;
    uint64_t sender = 0;
    uint64_t id = 0;
  };
  uint64_t receive_window = 0;
  uint64_t last_tag = 0;
  std::deque<Open> open;     // Deliveries that are not acknowledged.
  std::deque<Held> waiting;  // Behind the full window.

  // Messages within `out`: where each ends in the whole stream, and when it came.
  std::deque<std::pair<uint64_t, uint64_t>> in_out;
  uint64_t sent_bytes = 0;  // What was taken from `out` so far.
};

class FakeBroker {
 public:
  explicit FakeBroker(Rules rules) : rules_(std::move(rules)) {}

  Client& add();
  // Its connection is gone.
  void remove(Client& client);
  // More has come, at this time.
  void read(Client& client, uint64_t now_ns);
  // The first `size` bytes of its output were sent.
  void sent(Client& client, size_t size, uint64_t now_ns);

  // When the next held message is due; UINT64_MAX: none is held.
  uint64_t next_due_ns() const { return held_.empty() ? UINT64_MAX : held_.top().due_ns; }
  void release_due(uint64_t now_ns);
  bool has_changed() const { return !changed_.empty(); }
  // Those that have got something to be sent since the last call.
  std::vector<Client*> take_changed();

  const Truth& truth() const { return truth_; }
  Seen& seen() { return seen_; }

 private:
  struct Due {
    uint64_t due_ns = 0;
    uint64_t number = 0;  // First come, first served.
    std::shared_ptr<Held> held;
    bool operator<(const Due& other) const {  // The queue's top is the greatest.
      return std::pair(due_ns, number) > std::pair(other.due_ns, other.number);
    }
  };

  void on_frame(Client& client, v1::Frame& frame, uint64_t now_ns);
  void on_connect(Client& client, const v1::Connect& connect);
  void on_message(Client& client, v1::Message& message, uint64_t now_ns);
  void on_ack(Client& client, const v1::Ack& ack);
  void on_leave(Client& client);
  // Whether the message was done away with.
  bool does_wrong(Client& client, const v1::Message& message, bool confirmed);
  v1::Reason refusal_of(const v1::Message& message) const;
  void deliver(Held held);
  void write_waiting(Client& client);

  void tell(uint64_t session, uint64_t id, bool confirmed, v1::Outcome outcome, v1::Reason reason, bool attempted);
  void write_receipts(Client& client);
  void write(Client& client, const v1::Frame& frame);
  void say_goodbye(Client& client, v1::Code code, const std::string& text);
  void end_session(Client& client);
  void mark_changed(Client& client);
  Client* of_session(uint64_t session) const;

  const Rules rules_;
  Truth truth_;
  Seen seen_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::unordered_map<uint64_t, Client*> sessions_;
  std::unordered_map<std::string, Client*> names_;
  std::vector<Client*> changed_;
  std::priority_queue<Due> held_;
  uint64_t last_session_ = 0;
  uint64_t last_number_ = 0;
  uint64_t messages_ = 0;  // Taken.
};

}  // namespace onehop::test
