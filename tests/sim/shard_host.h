// The host of one shard: its loop, in simulated time. Gathers what is ready, calls in, flushes, sleeps; and holds the
// shard to the rules of the seam.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/shard/seam.h"
#include "core/shard/shard.h"
#include "sim/world.h"

namespace onehop::sim {

class ShardHost final : public core::Host {
 public:
  ShardHost(World& world, const core::ShardConfig& config);

  // Keeps it for the next iteration, which comes soon.
  void ready(Ready what);
  // One iteration of the loop, if this is still when it is to wake.
  void wake();
  void drain();
  void stop();
  void policy_changed();
  const core::Counters& counters() const { return shard_.counters(); }

  size_t write(core::HostLink link, std::span<const core::Iov> pieces) override;
  void set_reading(core::HostLink link, bool reading) override;
  void close(core::HostLink link, core::CloseHow how) override;
  void hand_over(core::HostLink link, core::ShardIndex home, core::Bytes unread, core::Instant deadline) override;
  void post(core::ShardIndex to, core::Parcel parcel) override;
  void give_back(core::ShardIndex to, core::Parcel parcel) override;
  core::Answered ask(core::Ticket ticket, const core::Question& question, core::Answer& answer) override;
  void note(const core::Event& event) override;
  void random(std::span<char> out) override;

 private:
  void handle(Ready what);
  void take_arrival(Link& link);
  void take_readable(Link& link);
  void take_failed(Link& link);
  void take_parcel(uint32_t pair);
  void take_credit(uint32_t pair);
  void take_answer(uint32_t number);
  // shard_host_credentials.cc
  uint32_t draw_hold();
  core::Instant end_of(uint32_t hold_ms) const;
  core::Answered ask_about_renewal(core::Ticket ticket, const core::Question& question, const Link& link,
                                   core::Answer& answer);
  core::Answer renewal_answer(uint32_t connection, uint32_t verdict);
  void take_renewal_answer(const PendingAnswer& pending);
  void answer_who_stays(const core::Question& question, core::Answer& answer);
  void flush();
  void check_ended(const std::vector<core::ClientState>& clients, const core::Counters& before);
  void settle();
  // What must hold before the loop sleeps, of every link this shard has.
  void check_links();
  void check_reading(const Link& link);
  bool nothing_waits() const;
  uint64_t surely_queued(const Link& link) const;
  // `queued`: for this link, at least.
  void check_consumer(Link& link, uint64_t queued);
  void sleep_until(uint64_t at_us);
  void begin_call(const char* name, uint64_t subject);
  void end_call();
  // The link that the shard names; nullptr, and a failure, if it may not.
  Link* named(core::HostLink link, const char* call);
  void require_flush(const char* call);

  World& world_;
  const core::ShardIndex index_;
  core::Shard shard_;
  std::vector<Ready> ready_;
  std::vector<Ready> batch_;
  std::vector<uint32_t> links_;  // This shard's, and some that were.
  core::Instant now_;
  core::Instant due_ = core::Instant::never();
  uint64_t wake_at_us_ = UINT64_MAX;
  uint64_t last_ticket_ = 0;
  uint64_t last_renewal_ = 0;
  uint32_t idle_wakes_ = 0;
  bool flushing_ = false;
  std::string ended_for_memory_;  // Whom the shard ended for it within this flush.
  Link* failing_ = nullptr;       // Its end is being reported: it may be noted, no more.
};

}  // namespace onehop::sim
