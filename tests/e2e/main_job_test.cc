// The main job with very many clients: 4,000 of them, each sending 100 messages to random others. All arrive, intact,
// in order per pair, none twice. The clients share one loop of this process; the broker is a process of its own.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <uv.h>

#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "onehop/loop_client.h"
#include "server_test/child_process.h"
#include "server_test/log_line.h"

namespace onehop::test {
namespace {

constexpr uint32_t kClients = 4'000;
constexpr uint32_t kMessagesEach = 100;
// To how many others one client sends: few enough that a pair has several messages whose order can be wrong.
constexpr uint32_t kOthersEach = 10;
constexpr uint32_t kFillerBytesMax = 400;
// Connections being made at one time, and messages of one client without an outcome.
constexpr uint32_t kConnectingMax = 200;
constexpr uint32_t kUnsettledMax = 16;
// When to give up. Nothing waits for it to pass.
constexpr uint64_t kPatienceMs = 240'000;
constexpr uint64_t kSeed = 20'000;

// FNV-1a.
uint64_t checksum(std::string_view bytes) {
  uint64_t sum = 0xCBF29CE484222325;
  for (const char byte : bytes) sum = (sum ^ static_cast<uint8_t>(byte)) * 0x100000001B3;
  return sum;
}

// What a payload begins with; filler and the checksum of all before it follow.
struct Head {
  uint32_t from;
  uint32_t to;
  uint32_t number;  // Of this pair, from 0.
};

class Crowd;

struct Member final : client::ClientEvents {
  void on_open(const client::SessionInfo&) override;
  void on_message(const client::Message& message) override;
  void on_outcome(std::string_view, const client::SendResult& result) override;
  void on_ended(const client::Ending& ending) override;

  Crowd* crowd = nullptr;
  uint32_t index = 0;
  std::unique_ptr<client::LoopClient> client;
  std::vector<uint32_t> others;
  uint32_t sent = 0;
};

class Crowd {
 public:
  Crowd(const std::string& address, client::Confirm confirm)
      : address_(address), confirm_(confirm), members_(kClients) {
    uv_loop_init(&loop_);
    uv_timer_init(&loop_, &patience_);
    patience_.data = this;
    uv_timer_start(
        &patience_, [](uv_timer_t* timer) { static_cast<Crowd*>(timer->data)->out_of_patience_ = true; }, kPatienceMs,
        0);
    client_loop_.emplace(&loop_);
  }
  ~Crowd() {
    for (Member& member : members_) member.client.reset();
    client_loop_.reset();
    uv_close(reinterpret_cast<uv_handle_t*>(&patience_), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&loop_), 0);
  }

  void connect() {
    uint32_t begun = 0;
    run_until([&] {
      for (; begun < kClients && begun - open_ < kConnectingMax; ++begun) begin(begun);
      return open_ == kClients;
    });
    ASSERT_EQ(open_, kClients);
  }

  void exchange() {
    for (Member& member : members_) send_more(member);
    run_until([&] { return settled_ == kClients * kMessagesEach && received_ == settled_; });
    EXPECT_EQ(settled_, kClients * kMessagesEach);
    EXPECT_EQ(received_, kClients * kMessagesEach);
    for (const auto& [pair, count] : pairs_) {
      ASSERT_EQ(count.received, count.sent) << "from client " << (pair >> 32) << " to client " << uint32_t(pair);
    }
  }

  // Sees out what may still be under way (a message that comes twice), then ends all.
  void close() {
    for (Member& member : members_) member.client->close(0);
    run_until([&] { return ended_ == kClients; });
    EXPECT_EQ(ended_, kClients);
    EXPECT_EQ(received_, kClients * kMessagesEach);
  }

  void send_more(Member& member) {
    while (member.sent < kMessagesEach && member.client->unsettled() < kUnsettledMax) send(member);
  }
  void take(const Member& member, const client::Message& message);
  void was_opened() { ++open_; }
  void was_settled() { ++settled_; }
  client::Outcome wanted() const {
    return confirm_ == client::Confirm::kDelivered ? client::Outcome::kDelivered : client::Outcome::kAdmitted;
  }
  void was_ended() { ++ended_; }

  void problem(const std::string& what) {
    broken_ = true;
    ADD_FAILURE() << what << " (seed " << kSeed << ")";
  }

 private:
  struct Count {
    uint32_t sent = 0;
    uint32_t received = 0;
  };

  static std::string name_of(uint32_t index) { return "member-" + std::to_string(index); }
  Count& count_of(const Head& head) { return pairs_[uint64_t{head.from} << 32 | head.to]; }

  void begin(uint32_t index) {
    Member& member = members_[index];
    member.crowd = this;
    member.index = index;
    for (uint32_t i = 0; i < kOthersEach; ++i) {
      member.others.push_back((index + 1 + static_cast<uint32_t>(random_() % (kClients - 1))) % kClients);
    }
    client::ClientOptions options;
    options.name = name_of(index);
    std::string error;
    member.client = client::LoopClient::start(*client_loop_, address_, options, member, error);
    ASSERT_NE(member.client, nullptr) << error;
  }

  void send(Member& member) {
    const uint32_t to = member.others[random_() % kOthersEach];
    Head head{member.index, to, 0};
    head.number = count_of(head).sent++;
    std::string payload(sizeof head + random_() % kFillerBytesMax, '\0');
    for (size_t i = sizeof head; i < payload.size(); ++i) payload[i] = static_cast<char>(random_());
    std::memcpy(payload.data(), &head, sizeof head);
    const uint64_t sum = checksum(payload);
    payload.append(reinterpret_cast<const char*>(&sum), sizeof sum);
    ++member.sent;
    const client::SendStatus status = member.client->send(name_of(to), payload, {.confirm = confirm_});
    if (status != client::SendStatus::kAccepted) problem("not accepted: " + std::string(to_string(status)));
  }

  template <typename Done>
  void run_until(Done done) {
    while (!done() && !broken_ && !out_of_patience_) uv_run(&loop_, UV_RUN_ONCE);
  }

  const std::string address_;
  const client::Confirm confirm_;
  uv_loop_t loop_;
  uv_timer_t patience_;
  std::optional<client::ClientLoop> client_loop_;
  std::vector<Member> members_;
  std::unordered_map<uint64_t, Count> pairs_;
  std::mt19937_64 random_{kSeed};
  uint32_t open_ = 0, settled_ = 0, received_ = 0, ended_ = 0;
  bool broken_ = false, out_of_patience_ = false;
};

void Crowd::take(const Member& member, const client::Message& message) {
  ++received_;
  const std::string_view payload = message.payload;
  Head head;
  uint64_t sum;
  if (payload.size() < sizeof head + sizeof sum) return problem("a payload is cut short");
  const std::string_view summed = payload.substr(0, payload.size() - sizeof sum);
  std::memcpy(&head, payload.data(), sizeof head);
  std::memcpy(&sum, payload.data() + summed.size(), sizeof sum);
  if (checksum(summed) != sum) return problem("a payload is damaged");
  if (head.to != member.index) return problem("a message went to " + name_of(member.index) + ", not to its recipient");
  if (message.from != name_of(head.from)) return problem("a message is said to be from " + std::string(message.from));
  const uint32_t expected = count_of(head).received++;
  if (head.number != expected) {
    problem("from " + name_of(head.from) + " to " + name_of(head.to) + ": number " + std::to_string(head.number) +
            " came, number " + std::to_string(expected) + " was next");
  }
}

void Member::on_open(const client::SessionInfo&) {
  crowd->was_opened();
}

void Member::on_message(const client::Message& message) {
  crowd->take(*this, message);
}

void Member::on_outcome(std::string_view to, const client::SendResult& result) {
  if (result.outcome != crowd->wanted()) {
    return crowd->problem("a message to " + std::string(to) + " was " + std::string(to_string(result.outcome)) + " " +
                          to_string(result.reason));
  }
  crowd->was_settled();
  crowd->send_more(*this);
}

void Member::on_ended(const client::Ending& ending) {
  crowd->was_ended();
  if (ending.cause != client::Ending::Cause::kClosed) crowd->problem("a client ended: " + describe(ending));
}

class MainJob : public testing::TestWithParam<std::tuple<int, client::Confirm>> {};

TEST_P(MainJob, ThousandsOfClientsSendToRandomOthers) {
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_GT(limit.rlim_cur, 2 * kClients) << "too few descriptors for this test: ulimit -n";

  Onehopd broker({"--shards", std::to_string(std::get<0>(GetParam())), "--log-format", "json"});
  {
    Crowd crowd(broker.address(), std::get<1>(GetParam()));
    crowd.connect();
    if (!HasFatalFailure()) crowd.exchange();
    if (!HasFailure()) crowd.close();
  }
  broker.send_signal(SIGTERM);
  EXPECT_EQ(broker.wait(), 0);
  for (const std::string& text : broker.errors()) {
    const std::optional<LogLine> line = parse_log_line(text);
    ASSERT_TRUE(line) << text;
    if (value_of(*line, "event") != "served") continue;
    EXPECT_EQ(value_of(*line, "messages_admitted"), std::to_string(kClients * kMessagesEach));
    EXPECT_EQ(value_of(*line, "messages_dropped"), "0");
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, MainJob,
                         testing::Combine(testing::Values(1, 2),
                                          testing::Values(client::Confirm::kRefusals, client::Confirm::kDelivered)));

}  // namespace
}  // namespace onehop::test
