// One libuv loop and its thread. A loop is either owned (a shard's, run by its own thread) or borrowed (a program's own
// uv_loop_t, which the program runs). Everything bound to a loop is touched by the loop's thread only; the two methods
// that any thread may call say so.
#pragma once

#include <uv.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace onehop::reactor {

class Loop;

// The consuming end of a mailbox, as its loop sees it: see mailbox.h.
class Drainable {
 public:
  // Takes out what other threads have put in; on the loop's thread.
  virtual void drain() = 0;

 protected:
  ~Drainable() = default;
};

class Loop {
 public:
  // An own loop. Until run() begins and after it has returned, whichever thread the program hands it to may use it.
  Loop();
  // On a loop of the program's, which must outlive this. The constructing thread must be the one that runs it. Nothing
  // here keeps the program's loop alive or touches its `data`.
  explicit Loop(uv_loop_t* borrowed);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  // Everything bound to the loop is gone or closing by now, and no thread wakes it any more. An own loop is turned
  // until the closing is complete; a borrowed one completes it in the program's next turns.
  ~Loop();

  // Runs an own loop on the calling thread until stop(). May be called again. After each sleep it looks for events for
  // `spin_us` microseconds before the next: a processor's whole time for many a wake-up less.
  void run(uint32_t spin_us = 0);
  // One turn without waiting, on an own loop: dispatches what is ready and completes what is closing.
  void turn();
  // ANY THREAD, own loops only: run() returns after the present turn; called before run(), the next run() does one
  // turn.
  void stop();

  // Milliseconds of a monotonic clock, read once a turn.
  uint64_t now_ms() const { return uv_now(uv_); }
  // Whether the loop has looked for events at most kStaleMs before now_ms(). After a long sleep, a long event or a stop
  // of the whole process it has not. What peers sent in that time may then be unread, so nobody may be judged for being
  // silent or late before the loop has looked once more, without sleeping. A loop that is always late is taken as it is
  // from its eighth late turn on: deadlines must pass there too.
  bool has_looked() const { return now_ms() <= looked_ms_ + kStaleMs || late_turns_ >= kLateTurnsMax; }

  // Called once a turn, before the loop computes how long it may sleep, and once after the events of a turn. Set once,
  // before the loop runs. There may be thousands of events between two calls: whoever gathers output flushes early.
  std::function<void()> before_sleep;
  std::function<void()> after_events;

  // ANY THREAD: whether the caller may touch what is bound to this loop.
  bool in_loop_thread() const;
  // ANY THREAD: whether it is an own loop, which is run by run().
  bool owned() const { return owned_; }
  // ANY THREAD: whether the calling thread runs this loop.
  bool runs_here() const { return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }
  // ANY THREAD: makes the loop drain its mailboxes soon. Several calls may lead to one round.
  void wake();

  uv_loop_t* uv() const { return uv_; }

  // For Mailbox only.
  void add(Drainable* mailbox);
  void remove(Drainable* mailbox);

 private:
  // libuv frees a handle's memory to us only in a later turn, which for a borrowed loop is after our destructor: so the
  // handles live in a block of their own, which the last close callback deletes.
  struct Handles;

  // Far less than the half keepalive by which a client is early.
  static constexpr uint64_t kStaleMs = 100;
  static constexpr unsigned kLateTurnsMax = 8;

  void look();
  void run_spinning(uint64_t spin_ns);
  void open_handles();
  void on_wake();

  uv_loop_t own_{};
  uv_loop_t* const uv_;
  const bool owned_;
  Handles* handles_ = nullptr;
  bool stopped_ = false;
  // When the loop last began to look for events; before the first time nobody can be late.
  uint64_t looked_ms_ = UINT64_MAX - kStaleMs;
  unsigned late_turns_ = 0;  // That have ended one after the other without has_looked().
  std::atomic<bool> stop_wanted_{false};
  std::atomic<std::thread::id> thread_{};  // None: nobody runs it, so that anybody may set it up or take it down.
  std::vector<Drainable*> mailboxes_;
};

}  // namespace onehop::reactor
