// What a broker must do by docs/wire.md, in its simplest form: it turns frames into frames, and its caller owns the
// sockets and the clock. It was written only from that page and the schema, so it is a second opinion about clients.
//
// It does not serve resumes and acknowledgements other than up to a tag, and answers them with a goodbye that says so.
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

// What the broker does to every N-th message, or once after N messages; 0 means never. So tests know exactly how many
// messages are affected.
struct Misdeeds {
  uint64_t reject_every = 0;  // Tells REJECTED.
  uint64_t expire_every = 0;  // Tells EXPIRED.
  uint64_t lose_every = 0;    // Tells LOST.
  uint64_t drop_every = 0;    // Neither delivers the message nor tells an outcome.
  uint64_t lie_every = 0;     // Tells DELIVERED but does not deliver the message.
  uint64_t double_every = 0;  // Delivers it twice.
  uint64_t babble_after = 0;  // Sends the sender bytes that are no frame.
  uint64_t freeze_after = 0;  // Stands still for ever (SIGSTOP).
  uint64_t die_after = 0;     // Ends at once.
};

struct Rules {
  Misdeeds misdeeds = {};
  uint32_t send_window = 65'535;
  // How long to hold back a message that arrived at this time, in nanoseconds. It never overtakes an earlier message
  // between the same clients.
  std::function<uint64_t(uint64_t received_ns)> delay;
};

// A message on its way.
struct Held {
  uint64_t sender = 0;  // The sessions of the two clients.
  uint64_t recipient = 0;
  uint64_t received_ns = 0;
  v1::Message message;
  bool twice = false;
};

// A connection and, after its Connect, its session. The session ends with the connection.
struct Client {
  std::string in;      // Bytes that arrived and were not read yet.
  std::string out;     // Bytes to send.
  bool ended = false;  // Nothing more is read, and the stream ends when `out` is sent.
  bool changed = false;

  std::string name;
  uint64_t session = 0;  // 0 before the Connect.

  // The client as a sender.
  uint64_t last_id = 0;
  uint64_t under_way = 0;  // Confirmed messages whose outcome the client has not acknowledged.
  v1::Frame receipts;      // Numbered receipts that are not written yet.
  v1::Frame refusals;      // Refusals of unconfirmed messages that are not written yet.
  uint64_t last_seq = 0;
  std::deque<std::pair<uint64_t, uint64_t>> told;      // The seq of receipts, and how many outcomes they told.
  std::unordered_map<uint64_t, uint64_t> last_due_ns;  // By the session of the recipient.

  // The client as a recipient.
  struct Open {
    uint64_t tag = 0;
    uint64_t sender = 0;
    uint64_t id = 0;
  };
  uint64_t receive_window = 0;
  uint64_t last_tag = 0;
  std::deque<Open> open;     // Deliveries that are not acknowledged.
  std::deque<Held> waiting;  // Messages that wait because the window is full.

  // The messages in `out`: the place in the whole stream where each ends, and when it arrived.
  std::deque<std::pair<uint64_t, uint64_t>> in_out;
  uint64_t sent_bytes = 0;  // Bytes that were taken from `out` so far.
};

class FakeBroker {
 public:
  explicit FakeBroker(Rules rules) : rules_(std::move(rules)) {}

  Client& add();
  // The connection of the client is gone.
  void remove(Client& client);
  // More bytes arrived at this time.
  void read(Client& client, uint64_t now_ns);
  // The first `size` bytes of the client's output were sent.
  void sent(Client& client, size_t size, uint64_t now_ns);

  // When the next held message is due; UINT64_MAX if none is held.
  uint64_t next_due_ns() const { return held_.empty() ? UINT64_MAX : held_.top().due_ns; }
  void release_due(uint64_t now_ns);
  bool has_changed() const { return !changed_.empty(); }
  // The clients that have new output since the last call.
  std::vector<Client*> take_changed();

  const Truth& truth() const { return truth_; }
  Seen& seen() { return seen_; }

 private:
  struct Due {
    uint64_t due_ns = 0;
    uint64_t number = 0;  // Messages that are due at the same time keep their order.
    std::shared_ptr<Held> held;
    bool operator<(const Due& other) const {  // The top of the queue is the greatest element.
      return std::pair(due_ns, number) > std::pair(other.due_ns, other.number);
    }
  };

  void on_frame(Client& client, v1::Frame& frame, uint64_t now_ns);
  void on_connect(Client& client, const v1::Connect& connect);
  void on_message(Client& client, v1::Message& message, uint64_t now_ns);
  void on_ack(Client& client, const v1::Ack& ack);
  void on_leave(Client& client);
  // Returns whether the message is not to be delivered.
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
  uint64_t messages_ = 0;  // The number of messages taken.
};

}  // namespace onehop::test
