// One thread of the generator: its share of the clients and of the schedule. It takes orders from the program's main
// loop, and reports to it, by mailboxes; what it has measured may be read when its thread has ended.
//
//   connect ──► kConnected ──► kStart ──► kSecond … ──► kArrivalsDone ──► kLeave ──► kLeft
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "loadgen/measure/stamp.h"
#include "loadgen/run/client.h"
#include "loadgen/run/fine_timer.h"
#include "loadgen/run/live.h"
#include "loadgen/run/plan.h"
#include "reactor/mailbox.h"
#include "reactor/thread.h"

namespace onehop::loadgen {

struct Report {
  enum class Kind : uint8_t {
    kConnected,      // All of its clients that stay are ready.
    kConnectFailed,  // Before that, one could not connect: `text` says why.
    kSecond,         // `second`, number `at_s`; with the counts of the run so far, and what stages had in it.
    kArrivalsDone,   // The schedule is through, or kStopArrivals was obeyed.
    kLeft,           // Nobody is connected any more; the thread's loop has stopped.
  };
  Kind kind;
  uint32_t worker = 0;
  std::string text = {};
  Second second = {};
  LiveCounts counts = {};
  std::vector<StageFigures> stages = {};
};

struct Order {
  enum class Kind : uint8_t {
    kStart,         // At `at_ns`.
    kStopArrivals,  // Before the schedule is through.
    kLeave,
  };
  Kind kind;
  uint64_t at_ns = 0;
};

class Worker final : public ClientHost {
 public:
  Worker(const Plan& plan, uint32_t number, reactor::Mailbox<Report>& reports);
  ~Worker();

  void start() { thread_.start(); }
  // ANY THREAD.
  void post(Order order) { orders_.post(order); }
  void join() { thread_.join(); }

  // ANY THREAD, while it runs: messages wanted so far; those that arrived or of which something else was told; and
  // those sent whose outcome the sender still waits for.
  struct Totals {
    uint64_t wanted = 0, delivered = 0, told_otherwise = 0, untold = 0;
    uint64_t broken = 0;  // Connections.
  };
  Totals totals() const;

  // After it has ended.
  const Recorder& measured() const { return recorder_; }
  const Ledger& accounts() const { return ledger_; }
  uint64_t delivered_in_time() const { return delivered_in_time_; }
  uint64_t missed_arrivals() const { return missed_arrivals_; }
  double cpu_s() const { return cpu_s_; }
  double waited_s() const { return waited_s_; }  // For a processor; 0 where the system does not say.
  double ran_for_s() const { return ran_for_s_; }
  const std::string& server() const { return server_; }

 private:
  // --- ClientHost
  reactor::Loop& loop() override { return thread_.loop(); }
  const Plan& plan() const override { return plan_; }
  Ledger& ledger() override { return ledger_; }
  Recorder& recorder() override { return recorder_; }
  std::span<char> receive_buffer() override { return receive_buffer_; }
  Bytes payload_of(const Wanted& wanted, uint32_t sender, uint32_t number, uint64_t now_ns) override;
  void before_flush(Client& client) override;
  void wants_flush(Client& client) override { to_flush_.push_back(&client); }
  void wants_ticks(Client& client) override { to_tick_.push_back(&client); }
  void on_ready(Client& client, std::string_view server) override;
  void on_down(Client& client, const std::string& why, bool was_ready) override;
  void on_message(Client& client, Bytes payload, const Incoming& incoming, uint64_t arrived_ns) override;
  void on_settled(Client& client, uint64_t messages) override;
  void on_gone(Client& client) override;

  // --- The phases of a run
  void obey(Order order);
  void connect_more();
  void begin(uint64_t at_ns);
  void end_arrivals(uint64_t now_ns);
  void leave(uint64_t now_ns);
  void turn();
  void tick(uint64_t now_ns);
  void keep_some_alive(uint64_t now_ns);
  void finish_second();
  LiveCounts live_counts() const;
  void begin_scenario();
  void end_if_all_gone();
  void flush_all(uint64_t now_ns);
  void publish_totals();
  void forget_gone();
  bool is_guest(const Client& client) const { return client.index() >= plan_.stays(); }

  // --- The workload
  // Whether the schedule has more for this thread.
  bool has_arrivals() const;
  void issue_due(uint64_t now_ns);
  void issue(uint64_t intended_ns, uint64_t now_ns);
  void send_one(Client& sender, uint64_t intended_ns, uint64_t now_ns);
  void fill_window(Client& sender, uint64_t now_ns);
  void free_window(Client& sender, uint64_t messages);
  void invite_guest(uint64_t intended_ns);
  void keep_connecting(uint64_t now_ns);
  void admit_guests();
  void on_guest_ready(Client& client);
  void count_unopened(const Client& client);
  void count_unopened();
  size_t count_silent() const;
  void dismiss_guests(uint64_t now_ns);
  void answer(Client& client, const Stamp& stamp, size_t payload_bytes, const Incoming& incoming, uint64_t arrived_ns);
  void note_uncorrected(uint32_t sender, const Stamp& stamp, uint64_t arrived_ns);
  void report(Report report);

  const Plan& plan_;
  const uint32_t number_;
  reactor::Mailbox<Report>& reports_;
  Ledger ledger_;
  Recorder recorder_;
  Stamper stamper_;
  Random random_;
  std::vector<char> receive_buffer_;
  std::vector<char> payload_;

  reactor::Thread thread_;
  reactor::Mailbox<Order> orders_;
  FineTimer timer_;

  enum class Phase : uint8_t { kConnecting, kReady, kRunning, kDraining, kLeaving };
  Phase phase_ = Phase::kConnecting;
  std::vector<std::unique_ptr<Client>> clients_;  // Those that stay.
  std::vector<Client*> by_index_;                 // Of those that live here; others are nullptr.
  std::vector<Client*> senders_;
  std::vector<Client*> speakers_;  // Those, and in echo who answers.
  std::vector<Client*> resting_;   // Those that only keep alive.
  size_t next_sender_ = 0;
  uint64_t recipients_chosen_ = 0;
  size_t connects_begun_ = 0;
  size_t ready_ = 0;
  size_t gone_count_ = 0;
  bool ended_ = false;
  uint64_t connecting_since_ns_ = 0;
  std::vector<Client*> to_flush_, flushing_, to_tick_;
  std::vector<std::unique_ptr<Client>> gone_;

  // kChurn, kConnects: clients that come and go. Their numbers are this thread's own: those that leave it the same
  // remainder.
  absl::flat_hash_map<Client*, std::unique_ptr<Client>> guests_;
  std::deque<uint64_t> guests_waiting_;  // For a descriptor: when they should have come.
  uint32_t next_guest_ = 0;
  const size_t guests_max_;
  const size_t guests_wanted_;  // kConnects in a closed loop: so many at a time.
  uint64_t opened_before_ = 0;  // Connections, when the run began.

  Arrivals arrivals_;
  uint64_t left_;  // Of --count: how many this thread has still to send; without it as good as endless.
  uint64_t start_ns_ = 0, end_ns_ = 0;
  uint64_t next_tick_ns_ = 0, next_second_ns_ = 0, next_question_ns_ = 0;
  uint64_t seconds_ = 0;
  size_t next_kept_alive_ = 0;
  const uint64_t waiting_bytes_max_;  // Of one sender.
  uint64_t wanted_ = 0;
  // What the rate counts: in echo, questions that were asked, and answers that came.
  uint64_t counted_wanted_ = 0, counted_delivered_ = 0;
  std::vector<uint32_t> under_way_;  // By client: of a closed loop's window. Empty in an open one.
  uint64_t delivered_in_time_ = 0;
  uint64_t missed_arrivals_ = 0;
  double cpu_s_ = 0, waited_s_ = 0, ran_for_s_ = 0;
  std::string server_;

  std::atomic<uint64_t> wanted_total_{0}, delivered_total_{0}, told_otherwise_total_{0}, untold_total_{0},
      broken_total_{0};
};

}  // namespace onehop::loadgen
