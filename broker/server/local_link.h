// One local client: the object that the program holds, and its part on the shard where it lives.
//
// Three kinds of state, and who may touch it:
//   - what programs send and say from any thread gathers in Orders, under `mutex_`, until the shard takes it;
//   - the endpoint belongs to the shard's thread, which holds `events_mutex_` while it hands out events;
//   - a message that is sent within an event goes to the endpoint at once, if nothing older waits in the orders.
//
// Invariant: messages reach the shard in the order of their tickets, which are their ids on the wire. The ticket of one
// that goes into the orders is taken under `mutex_`, after has_messages_ was set. So whoever takes a later ticket sees
// that flag, and takes what is older first.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/instant.h"
#include "local/endpoint.h"
#include "onehop/local_client.h"

namespace onehop::server {

class LocalLink;

// The shard's side, as a local link sees it.
class LocalHost {
 public:
  // ANY THREAD: has the shard call link->turn() soon.
  virtual void wake(std::shared_ptr<LocalLink> link) = 0;
  // On the shard's thread: the same as wake(), of the turn that is being taken.
  virtual void turn_again(LocalLink& link) = 0;
  virtual core::Instant now() const = 0;
  virtual unsigned index() const = 0;

  // The one that hands out events on the calling thread, if any, outside of any call of the shard.
  static LocalHost*& running() {
    thread_local LocalHost* running = nullptr;
    return running;
  }
  // Marks for as long as it lives that this thread hands out events of `host`; nullptr: that it is within a call of the
  // shard, where events of the broker are told.
  class Running {
   public:
    explicit Running(LocalHost* host) : before_(std::exchange(running(), host)) {}
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { running() = before_; }

   private:
    LocalHost* const before_;
  };

 protected:
  ~LocalHost() = default;
};

class LocalLink final : public std::enable_shared_from_this<LocalLink> {
 public:
  // `host` and `shard` outlive the time until end(), and `events` that until detach().
  LocalLink(LocalHost& host, core::ShardInputs& shard, uint32_t frame_bytes_max, LocalClientOptions options,
            LocalClientEvents& events);

  // ANY THREAD: the client connects.
  void start();
  // ANY THREAD, as in LocalClient.
  client::SendStatus send(std::string_view to, std::string_view payload, const client::SendOptions& options,
                          uint64_t* ticket);
  void acknowledge(client::DeliveryTag tag, bool up_to);
  void refuse(client::DeliveryTag tag, const client::Refusal& refusal);
  void set_reading(bool reading);
  void close(uint64_t deadline_ms);
  // The program lets go: no event is told any more, and none is running on another thread.
  void detach();
  unsigned home() const { return home_; }

  // The shard's thread. The first turn begins the link.
  void turn();
  bool is_over() const { return ended_here_; }
  local::Endpoint& endpoint() { return endpoint_; }
  core::Instant due() const { return endpoint_.due(); }
  // After the loop has ended: hands out what has come, and ends.
  void cut();
  // The host's marks: its turn is due; when its turn is due in any case.
  bool has_news = false;
  core::Instant due_at = core::Instant::never();

 private:
  struct Message {
    uint64_t ticket;
    size_t size;
  };
  struct Messages {
    std::vector<Message> list;
    std::string bodies;  // One behind the other.
  };
  struct Verdict {
    client::DeliveryTag tag;
    bool up_to = false;
    std::optional<std::string> refused = {};
    uint32_t code = 0;
    uint32_t retry_after_ms = 0;
  };

  client::SendStatus send_in_event(std::string_view to, std::string_view payload, const client::SendOptions& options,
                                   uint64_t* ticket);
  client::SendStatus put_into_orders(uint64_t number, std::string_view to, std::string_view payload,
                                     const client::SendOptions& options);
  void give(Verdict verdict);
  void carry_out(const Verdict& verdict);
  template <typename Change>
  void order(Change change);
  void take_orders();
  void submit_until(uint64_t ticket);
  void end();
  bool all_submitted() const { return next_message_ == taken_.list.size(); }
  bool has_room_again(bool endpoint_has_room);

  // Of the host: only its address after ended_.
  bool in_event() const { return LocalHost::running() == host_; }

  LocalHost* const host_;
  const unsigned home_;
  const size_t batch_bytes_max_;
  const size_t frame_bytes_max_;

  std::mutex mutex_;
  Messages ordered_;
  std::vector<Verdict> verdicts_;
  std::optional<bool> reading_;
  std::optional<uint64_t> close_ms_;
  local::Pauses pauses_;  // A copy of the endpoint's.
  bool woken_ = false;    // The shard has been woken, and has not taken the orders yet.
  bool ended_ = false;    // The shard is done with this.
  bool detached_ = false;

  std::atomic<uint64_t> last_ticket_{0};
  std::atomic<bool> has_messages_{false};
  std::atomic<bool> closed_{false};  // No message is accepted any more. Set under the mutex.
  // A send outside of events was not taken: the orders were full, or its destination was paused.
  std::atomic<bool> met_full_orders_{false};
  std::atomic<bool> met_pause_{false};

  // The shard's thread. The mutex is recursive, because an event may destroy its client.
  std::recursive_mutex events_mutex_;
  local::Endpoint endpoint_;
  Messages taken_;
  size_t next_message_ = 0;  // Of those taken; and where its body begins.
  size_t next_body_ = 0;
  bool met_block_ = false;  // A send within an event was not taken.
  uint64_t pauses_version_ = 0;
  bool begun_ = false;
  bool ended_here_ = false;
};

}  // namespace onehop::server
