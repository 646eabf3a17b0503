// Inspection: see the header.
#include "server/inspection.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "server/trace_verdict.h"

namespace onehop::server {
namespace {

constexpr uint32_t kAnswerWithinMs = 1'000;
constexpr size_t kClientsMax = 1'000;

// The answers that have come, shared by the asker and the shards.
template <typename Answer>
struct Answers {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Answer> given;
  size_t begun = 0;
  bool given_up = false;

  // On the shard's thread.
  void give(const std::function<Answer(ShardHost&)>& question, ShardHost& host) {
    {
      const std::lock_guard lock(mutex);
      if (given_up) return;
      ++begun;
    }
    Answer answer = question(host);
    const std::lock_guard lock(mutex);
    given.push_back(std::move(answer));
    changed.notify_one();
  }
  // On the asking thread. What has been begun then is waited for, and no more will be.
  std::vector<Answer> take(size_t wanted, uint32_t within_ms) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::milliseconds(within_ms), [&] { return given.size() == wanted; });
    given_up = true;
    changed.wait(lock, [&] { return given.size() == begun; });
    return std::move(given);
  }
};

ClientInfo info_of(const ShardHost& host, const core::ClientState& state) {
  ClientInfo info;
  info.name = state.name;
  info.session = state.session;
  info.shard = host.index();
  info.connected = state.link.value != 0;
  info.peer = host.peer_of(state.link);
  info.connected_ms = state.connected_ms;
  info.idle_ms = state.idle_ms;
  info.queue_bytes = state.queue_bytes;
  info.waiting_messages = state.waiting_messages;
  info.unacknowledged = state.unacknowledged;
  info.receive_window = state.receive_window;
  info.open_sent = state.open_sent;
  info.messages_sent = state.messages_sent;
  info.messages_received = state.messages_received;
  info.sent_per_second = state.sent_per_second;
  info.received_per_second = state.received_per_second;
  info.paused_senders = state.paused_senders;
  info.closed_gates = state.closed_gates;
  info.blocked = state.blocked;
  return info;
}

}  // namespace

template <typename Answer>
std::vector<Answer> Inspection::ask(const std::vector<ShardHost*>& shards, std::function<Answer(ShardHost&)> question,
                                    uint32_t within_ms) {
  if (ended()) {
    const std::lock_guard lock(ended_mutex_);
    std::vector<Answer> read;
    read.reserve(shards.size());
    for (ShardHost* shard : shards) read.push_back(question(*shard));
    return read;
  }
  const auto answers = std::make_shared<Answers<Answer>>();
  for (ShardHost* shard : shards) {
    if (shard->runs_here()) {
      shard->mailbox().drain();  // What was posted before the question counts.
      answers->give(question, *shard);
      continue;
    }
    shard->mailbox().post(Inquiry{[answers, question](ShardHost& host) { answers->give(question, host); }});
  }
  return answers->take(shards.size(), within_ms);
}

template <typename Answer>
std::vector<Answer> Inspection::ask_all(std::function<Answer(ShardHost&)> question) {
  return ask<Answer>(shards_, std::move(question), kAnswerWithinMs);
}

bool Inspection::ended() {
  const std::lock_guard lock(ended_mutex_);
  return ended_;
}

void Inspection::set_shards(std::vector<ShardHost*> shards) {
  shards_ = std::move(shards);
  counted_.resize(shards_.size());
  for (size_t i = 0; i < counted_.size(); ++i) counted_[i].index = static_cast<unsigned>(i);
}

void Inspection::loops_have_ended() {
  const std::lock_guard lock(ended_mutex_);
  ended_ = true;
}

// The secret by which names are placed never changes: any thread may ask.
ShardHost* Inspection::home_of(std::string_view name) {
  return shards_[shards_.front()->shard().home_of(name)];
}

ShardHost* Inspection::own_shard() const {
  const auto found =
      std::find_if(shards_.begin(), shards_.end(), [](const ShardHost* one) { return one->in_handler(); });
  return found == shards_.end() ? nullptr : *found;
}

BrokerCounters Inspection::counters() {
  const auto count = [](ShardHost& host) {
    CountersOfShard counted;
    counted.index = host.index();
    counted.counters = host.shard().counters();
    counted.paused_senders = host.shard().paused_senders();
    counted.transport_bytes = host.transport_bytes();
    counted.route_latency = host.route_latency();
    counted.ends = host.end_counts();
    return counted;
  };
  ShardHost* const own = own_shard();
  const auto answers =
      own != nullptr ? std::vector<CountersOfShard>{count(*own)} : ask_all<CountersOfShard>(std::move(count));
  const std::lock_guard lock(counted_mutex_);
  for (const CountersOfShard& answer : answers) counted_[answer.index] = answer;
  // Above all of those that did not answer.
  for (const ShardHost* shard : shards_) counted_[shard->index()].loop_lag_us_max = shard->lag_us_max();
  return sum_of(counted_);
}

ClientPage Inspection::clients(const ClientQuery& query) {
  if (asked_by_handler()) {
    ClientPage refused;
    refused.answered = Answered::kNotFromHandler;
    return refused;
  }
  const size_t limit = std::min(query.limit, kClientsMax);
  const core::ClientSearch search{query.name_part, static_cast<core::ClientOrder>(query.order), query.offset + limit};
  const auto answers = ask_all<ClientPage>([search](ShardHost& host) {
    const core::ClientsFound found = host.shard().find_clients(search, host.now());
    ClientPage page;
    page.found = found.found;
    for (const core::ClientState& state : found.top) page.clients.push_back(info_of(host, state));
    return page;
  });
  ClientPage all;
  if (answers.size() != shards_.size()) all.answered = Answered::kPartly;
  for (const ClientPage& page : answers) {
    all.found += page.found;
    std::move(page.clients.begin(), page.clients.end(), std::back_inserter(all.clients));
  }
  std::sort(all.clients.begin(), all.clients.end(),
            [&search](const ClientInfo& a, const ClientInfo& b) { return core::comes_before(search.order, a, b); });
  const auto skipped = static_cast<std::ptrdiff_t>(std::min(query.offset, all.clients.size()));
  all.clients.erase(all.clients.begin(), all.clients.begin() + skipped);
  if (all.clients.size() > limit) all.clients.resize(limit);
  return all;
}

Trace Inspection::trace(std::string_view from, std::string_view to, bool draining) {
  struct Sender {
    std::optional<ClientInfo> info;
    core::Origin origin;
    core::KnownPermission permission{};
  };
  struct Recipient {
    RouteFacts facts;
    std::optional<ClientInfo> info;
    core::SenderState sender;
  };
  Trace trace;
  if (asked_by_handler()) {
    trace.why = "a handler of the broker may not wait for its shards";
    trace.answered = Answered::kNotFromHandler;
    return trace;
  }
  ShardHost* const from_home = home_of(from);
  ShardHost* const to_home = home_of(to);
  trace.from_shard = from_home->index();
  trace.to_shard = to_home->index();
  const auto senders = ask<Sender>(
      {from_home},
      [name = std::string(from), recipient = std::string(to)](ShardHost& host) {
        Sender sender;
        sender.permission = host.shard().known_permission(name, recipient);
        if (const auto state = host.shard().find_client(name, host.now())) {
          sender.info = info_of(host, *state);
          sender.origin = state->origin;
        }
        return sender;
      },
      kAnswerWithinMs);
  const core::Origin origin = senders.empty() ? core::Origin{} : senders.front().origin;
  const auto recipients = ask<Recipient>(
      {to_home},
      [name = std::string(to), origin](ShardHost& host) {
        Recipient recipient;
        if (const auto state = host.shard().find_client(name, host.now())) {
          recipient.info = info_of(host, *state);
          recipient.facts.window_open = state->window_open;
        }
        recipient.sender = host.shard().sender_state(name, origin, host.now());
        recipient.facts.queue_bytes_max = host.shard().limits().queue_bytes_max;
        recipient.facts.memory_stage = static_cast<unsigned>(host.shard().counters().memory_stage);
        return recipient;
      },
      kAnswerWithinMs);
  if (!senders.empty()) trace.from = senders.front().info;
  RecentEnd end;
  if (ends_.last_of(to, end)) trace.last_end = std::move(end);
  RouteFacts facts;
  if (!recipients.empty()) {
    facts = recipients.front().facts;
    facts.answered = true;
    trace.to = recipients.front().info;
    trace.paused = recipients.front().sender.paused;
    trace.gate_closed = recipients.front().sender.gate_closed;
  }
  if (senders.empty() || recipients.empty()) trace.answered = Answered::kPartly;
  facts.draining = draining;
  if (!senders.empty()) facts.permission = senders.front().permission;
  judge(facts, trace);
  return trace;
}

Broker::Kick Inspection::kick(std::string_view name, std::string_view text) {
  if (ended()) return Broker::Kick::kNoSuchClient;
  ShardHost* const home = home_of(name);
  const auto end_it = [name = std::string(name), text = std::string(text)](ShardHost& host) {
    return host.shard().kick(name, text, host.now());
  };
  if (asked_by_handler()) {
    home->mailbox().post(Inquiry{end_it});
    return Broker::Kick::kSoon;
  }
  const auto answers = ask<bool>({home}, end_it, kAnswerWithinMs);
  if (answers.empty()) return Broker::Kick::kNoAnswer;
  return answers.front() ? Broker::Kick::kEnded : Broker::Kick::kNoSuchClient;
}

bool Inspection::nobody_is_left() {
  if (asked_by_handler()) return false;
  const auto answers =
      ask_all<char>([](ShardHost& host) { return static_cast<char>(host.accepts_no_more() && host.drained()); });
  return answers.size() == shards_.size() && std::find(answers.begin(), answers.end(), '\0') == answers.end();
}

bool Inspection::others_are_alive(const ShardHost& own, uint32_t within_ms) const {
  return std::all_of(shards_.begin(), shards_.end(), [&](const ShardHost* one) {
    return one == &own || one->busy_us() <= uint64_t{within_ms} * 1'000;
  });
}

bool Inspection::alive(uint32_t within_ms) {
  if (ended()) return false;
  if (const ShardHost* own = own_shard()) return others_are_alive(*own, within_ms);
  return ask<char>(
             shards_, [](ShardHost&) { return '\0'; }, within_ms)
             .size() == shards_.size();
}

}  // namespace onehop::server
