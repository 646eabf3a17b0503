// Broker: threads, listeners, and what concerns all shards together.
#include <sodium/core.h>
#include <sodium/randombytes.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "onehop/broker.h"
#include "reactor/thread.h"
#include "server/shard_host.h"

namespace onehop {
namespace {

using reactor::ListenOptions;
using reactor::SocketAddress;

struct ShardThread {
  std::unique_ptr<reactor::Thread> thread;
  std::unique_ptr<server::ShardHost> host;  // Gone before its thread's loop.
};

unsigned usable_cores() {
  return std::max(1u, std::thread::hardware_concurrency());
}

bool is_loopback(const SocketAddress& address) {
  const std::string text = address.text();
  return address.is_unix() || text.starts_with("tcp://127.") || text.starts_with("tcp://[::1]");
}

// For limits, 0 means the default.
BrokerOptions with_defaults(BrokerOptions options) {
  const BrokerOptions defaults;
  for (uint32_t BrokerOptions::*limit :
       {&BrokerOptions::frame_bytes_max, &BrokerOptions::queue_bytes_max, &BrokerOptions::keepalive_ms,
        &BrokerOptions::slow_consumer_ms, &BrokerOptions::pause_lease_ms, &BrokerOptions::send_window,
        &BrokerOptions::receive_window, &BrokerOptions::ack_timeout_ms, &BrokerOptions::session_expiry_ms_max,
        &BrokerOptions::ttl_ms_max}) {
    if (options.*limit == 0) options.*limit = defaults.*limit;
  }
  if (options.shard_queue_bytes_max == 0) options.shard_queue_bytes_max = defaults.shard_queue_bytes_max;
  return options;
}

// What is wrong with the options, or nothing.
std::string wrong_with(const BrokerOptions& o) {
  if (o.listen.empty()) return "listen: no address is given";
  if (o.shards > core::kShardsMax) return "shards: at most " + std::to_string(core::kShardsMax);
  if (o.frame_bytes_max < core::kFrameBytesMaxFloor || o.frame_bytes_max > (64u << 20)) {
    return "frame_bytes_max: must be 16384 to 67108864";
  }
  if (o.queue_bytes_max / 4 < o.frame_bytes_max) return "queue_bytes_max: must be at least 4 x frame_bytes_max";
  if (o.keepalive_ms < 1'000 || o.keepalive_ms > 600'000) return "keepalive_ms: must be 1000 to 600000";
  if (o.spin_us > 1'000'000) return "spin_us: at most 1000000";
  if (o.send_window > 1'000'000) return "send_window: at most 1000000";
  if (o.receive_window > core::Limits().receive_window_max) return "receive_window: at most 65535";
  return {};
}

class Server final : public Broker {
 public:
  explicit Server(const BrokerOptions& options)
      : options_(options),
        shard_count_(options.shards == 0 ? std::min<unsigned>(usable_cores(), core::kShardsMax) : options.shards),
        limit_(options.connections_max, shard_count_) {}
  ~Server() override {
    stop(std::chrono::milliseconds(0));
    // Mail may lie in a mailbox with what another shard's loop owns: all hosts go before any loop.
    for (ShardThread& shard : shards_) shard.host.reset();
  }

  bool open(std::string& error) {
    make_shards();
    if (!listen(error)) return false;
    for (ShardThread& shard : shards_) shard.thread->start(options_.spin_us);
    return true;
  }

  std::vector<std::string> addresses() const override { return addresses_; }
  unsigned shards() const override { return shard_count_; }
  BrokerCounters counters() override;
  bool stop(std::chrono::milliseconds deadline) override;
  void stop_now() override { post_stop(0); }

 private:
  core::ShardConfig shard_config() const;
  void make_shards();
  bool listen(std::string& error);
  bool listen_on(const SocketAddress& address, std::string& error);
  void post_stop(uint64_t deadline_ms);

  const BrokerOptions options_;
  const unsigned shard_count_;
  server::ConnectionLimit limit_;
  std::vector<ShardThread> shards_;
  std::vector<std::string> addresses_;
  bool drained_ = true;
  bool stopped_ = false;
};

core::ShardConfig Server::shard_config() const {
  core::ShardConfig config;
  config.count = static_cast<core::ShardIndex>(shard_count_);
  config.limits.frame_bytes_max = options_.frame_bytes_max;
  config.limits.queue_bytes_max = options_.queue_bytes_max;
  config.limits.shard_queue_bytes_max = options_.shard_queue_bytes_max;
  config.limits.keepalive_ms_default = options_.keepalive_ms;
  config.limits.slow_consumer_ms = options_.slow_consumer_ms;
  config.limits.pause_lease_ms = options_.pause_lease_ms;
  config.limits.send_window = options_.send_window;
  config.limits.receive_window_default = options_.receive_window;
  config.limits.ack_timeout_ms = options_.ack_timeout_ms;
  config.limits.session_expiry_ms_max = options_.session_expiry_ms_max;
  config.limits.ttl_ms_max = options_.ttl_ms_max;
  randombytes_buf(config.hash_key.data(), config.hash_key.size());
  randombytes_buf(config.token_key.data(), config.token_key.size());
  // Microseconds: fewer sessions begin than microseconds pass, so a restarted broker begins above what it used.
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  config.first_session =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count());
  config.server = "onehop/" ONEHOP_VERSION;
  return config;
}

void Server::make_shards() {
  core::ShardConfig config = shard_config();
  std::vector<reactor::Mailbox<server::ShardMail>*> mailboxes;
  for (unsigned i = 0; i < shard_count_; ++i) {
    config.index = static_cast<core::ShardIndex>(i);
    const auto core = options_.pin ? std::optional<int>(static_cast<int>(i % usable_cores())) : std::nullopt;
    ShardThread shard;
    shard.thread = std::make_unique<reactor::Thread>("onehop-" + std::to_string(i), core);
    shard.host = std::make_unique<server::ShardHost>(config, shard.thread->loop(), limit_, options_.on_event);
    mailboxes.push_back(&shard.host->mailbox());
    shards_.push_back(std::move(shard));
  }
  for (ShardThread& shard : shards_) shard.host->connect_shards(mailboxes);
}

bool Server::listen(std::string& error) {
  for (const std::string& text : options_.listen) {
    const std::optional<reactor::Address> address = reactor::Address::parse(text, error);
    if (!address) return false;
    const std::vector<SocketAddress> resolved = reactor::resolve(*address, error);
    if (resolved.empty()) return false;
    if (!options_.allow_plaintext && !is_loopback(resolved.front())) {
      error = text + ": not a loopback address, and there is no encryption yet: allow_plaintext must be set";
      return false;
    }
    if (!listen_on(resolved.front(), error)) return false;
  }
  return true;
}

bool Server::listen_on(const SocketAddress& address, std::string& error) {
  const unsigned wanted = options_.acceptors == 0 ? shard_count_ : std::min(options_.acceptors, shard_count_);
  const unsigned acceptors = address.is_unix() ? 1 : wanted;
  ListenOptions listen_options;
  listen_options.send_buffer_bytes = options_.send_buffer_bytes;
  listen_options.receive_buffer_bytes = options_.receive_buffer_bytes;
  listen_options.share = acceptors == 1 ? ListenOptions::Share::kAlone : ListenOptions::Share::kFirst;
  SocketAddress bound;
  if (!shards_.front().host->listen(address, listen_options, bound, error)) return false;
  addresses_.push_back(bound.text());
  listen_options.share = ListenOptions::Share::kJoin;
  for (unsigned i = 1; i < acceptors; ++i) {
    SocketAddress joined;
    if (!shards_[i].host->listen(bound, listen_options, joined, error)) return false;
  }
  return true;
}

BrokerCounters Server::counters() {
  BrokerCounters sum;
  for (ShardThread& shard : shards_) {
    if (stopped_) break;
    std::promise<core::Counters> answer;
    shard.host->mailbox().post(
        server::CountersWanted{[&answer](const core::Counters& counters) { answer.set_value(counters); }});
    const core::Counters c = answer.get_future().get();
    sum.connections += c.links;
    sum.sessions += c.sessions;
    sum.sessions_opened += c.sessions_opened;
    sum.connects_refused += c.connects_refused;
    sum.takeovers += c.takeovers;
    sum.hand_overs += c.hand_overs;
    sum.messages_received += c.messages_received;
    sum.messages_delivered += c.messages_delivered;
    sum.messages_redelivered += c.messages_redelivered;
    sum.messages_dropped += c.messages_dropped;
    sum.messages_acknowledged += c.outcomes[v1::OUTCOME_DELIVERED];
    sum.messages_refused_by_recipient += c.outcomes[v1::OUTCOME_REJECTED];
    sum.messages_expired += c.outcomes[v1::OUTCOME_EXPIRED] + c.messages_expired;
    sum.messages_lost += c.outcomes[v1::OUTCOME_LOST];
    sum.sessions_resumed += c.sessions_resumed;
    for (const uint64_t refused : c.messages_refused) sum.messages_refused += refused;
    sum.pauses_told += c.pauses_told;
    sum.resumes_told += c.resumes_told;
    sum.gates_closed += c.gates_closed;
    sum.reading_stopped += c.reading_stopped;
    sum.bytes_received += c.bytes_received;
    sum.bytes_sent += c.bytes_sent;
    sum.queued_bytes += c.queued_bytes;
    sum.open_bytes += c.open_bytes;
  }
  return sum;
}

void Server::post_stop(uint64_t deadline_ms) {
  for (ShardThread& shard : shards_) shard.host->mailbox().post(server::StopWanted{deadline_ms});
}

bool Server::stop(std::chrono::milliseconds deadline) {
  if (std::exchange(stopped_, true)) return drained_;
  post_stop(static_cast<uint64_t>(std::max<int64_t>(0, deadline.count())));
  for (ShardThread& shard : shards_) {
    if (shard.thread->running()) shard.thread->join();
  }
  for (ShardThread& shard : shards_) drained_ = drained_ && shard.host->drained();
  return drained_;
}

}  // namespace

std::unique_ptr<Broker> Broker::start(const BrokerOptions& given, std::string& error) {
  const BrokerOptions options = with_defaults(given);
  if (error = wrong_with(options); !error.empty()) return nullptr;
  if (sodium_init() < 0) {
    error = "no source of random numbers";
    return nullptr;
  }
  auto server = std::make_unique<Server>(options);
  if (!server->open(error)) return nullptr;
  return server;
}

}  // namespace onehop
