// One thread of the generator: its share of the clients and of the schedule. It takes orders from the program's main
// loop and reports to it, by mailboxes.
//
//   connect ──► kConnected ──► kStart ──► kSecond … ──► kArrivalsDone ──► kLeave ──► kLeft
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loadgen/measure/random.h"
#include "loadgen/run/beats.h"
#include "loadgen/run/client.h"
#include "loadgen/run/errands.h"
#include "loadgen/run/findings.h"
#include "loadgen/run/fine_timer.h"
#include "loadgen/run/guests.h"
#include "loadgen/run/live.h"
#include "loadgen/run/plan.h"
#include "loadgen/run/residents.h"
#include "loadgen/run/shared_totals.h"
#include "loadgen/run/thread_schedule.h"
#include "loadgen/run/traffic.h"
#include "reactor/mailbox.h"
#include "reactor/thread.h"

namespace onehop::loadgen {

struct Report {
  enum class Kind : uint8_t {
    kConnected,      // All clients that stay are ready.
    kConnectFailed,  // Before that, a client could not connect; `text` says why.
    kSecond,         // Second number `at_s`, with the counts of the run so far and the stages' figures in it.
    kArrivalsDone,   // The schedule is over, or kStopArrivals has ended it.
    kLeft,           // No client is connected any more, and the thread's loop has stopped.
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
    kStart,         // The schedule starts at `at_ns`.
    kStopArrivals,  // The schedule ends early.
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

  // ANY THREAD.
  Totals totals() const { return totals_.load(); }
  // Only when its thread has ended.
  const Findings& findings() const { return findings_; }

 private:
  // --- ClientHost
  reactor::Loop& loop() override { return thread_.loop(); }
  const Plan& plan() const override { return plan_; }
  Ledger& ledger() override { return findings_.ledger; }
  Recorder& recorder() override { return findings_.recorder; }
  std::span<char> receive_buffer() override { return receive_buffer_; }
  Bytes payload_of(const Wanted& wanted, uint32_t sender, uint32_t number, uint64_t now_ns) override;
  void before_flush(Client& client) override { traffic_.before_flush(client); }
  void wants_flush(Client& client) override { errands_.want_flush(client); }
  void wants_ticks(Client& client) override { errands_.want_ticks(client); }
  void on_ready(Client& client, std::string_view server) override;
  void on_down(Client& client, const std::string& why, bool was_ready) override;
  void on_message(Client& client, Bytes payload, const Incoming& incoming, uint64_t arrived_ns) override;
  void on_settled(Client& client, uint64_t messages) override;
  void on_gone(Client& client) override;

  // --- The phases of a run
  void obey(Order order);
  void connect_more(uint64_t now_ns);
  void begin(uint64_t at_ns);
  void begin_scenario();
  void end_arrivals(uint64_t now_ns);
  void leave(uint64_t now_ns);
  void end_if_all_gone();

  // --- Each turn of the loop
  void turn();
  // Whether the schedule has more for this thread.
  bool has_arrivals() const;
  void issue_due(uint64_t now_ns);
  void issue(uint64_t intended_ns, uint64_t now_ns);
  void tick(uint64_t now_ns);
  void forget_gone();

  // --- What others are told
  void report(Report report);
  void finish_second();
  LiveCounts live_counts() const;
  void publish_totals();

  enum class Phase : uint8_t { kConnecting, kReady, kRunning, kDraining, kLeaving };

  const Plan& plan_;
  const uint32_t number_;
  reactor::Mailbox<Report>& reports_;
  Findings findings_;
  SharedTotals totals_;
  std::vector<char> receive_buffer_;

  reactor::Thread thread_;
  reactor::Mailbox<Order> orders_;
  FineTimer timer_;
  Beats beats_;
  Errands errands_;

  Random random_;
  ThreadSchedule schedule_;
  Residents residents_;
  Guests guests_;
  Traffic traffic_;

  Phase phase_ = Phase::kConnecting;
  bool ended_ = false;
  uint64_t opened_before_ = 0;  // How many connections were open when the run began.
};

}  // namespace onehop::loadgen
