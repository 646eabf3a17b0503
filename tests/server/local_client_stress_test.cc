// Local clients under random treatment from several threads: whatever happens, each accepted message that is to be
// confirmed has one outcome, and each client ends once.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "server_test/broker_rig.h"

namespace onehop::test {
namespace {

using client::AckMode;
using client::Confirm;
using client::SendStatus;
using Random = std::minstd_rand;

constexpr unsigned kNames = 8;
constexpr unsigned kThreads = 3;
constexpr unsigned kSteps = 3'000;

// Of random length, mostly short.
std::string payload_of(Random& random) {
  return std::string(random() % 50 == 0 ? random() % 200'000 : random() % 500, 'x');
}

std::string name_of(unsigned number) {
  return "client" + std::to_string(number % (kNames + 1));  // One of them is nobody's.
}

// One life of a client.
class Life final : private LocalClientEvents {
 public:
  Life(Broker& broker, unsigned number, uint32_t seed) : manual_(seed % 2 == 0), answers_(number % 2 == 0) {
    random_.seed(seed + 1);
    LocalClientOptions options{.name = name_of(number), .on_conflict = client::OnConflict::kTakeOver};
    options.ack = manual_ ? AckMode::kManual : AckMode::kAuto;
    options.receive_window = seed % 3 == 0 ? 4 : 0;
    options.batch_bytes_max = seed % 5 == 0 ? 1'000 : 256 << 10;
    std::string error;
    client_ = broker.attach(options, *this, error);
    EXPECT_NE(nullptr, client_) << error;
    self_ = client_.get();
  }
  ~Life() = default;

  // Whether a thread may destroy it while its events run: those that answer use their client there.
  bool answers() const { return answers_; }

  void send(Random& random) {
    if (send_by(*client_, random) == SendStatus::kWouldBlock) std::this_thread::yield();
  }
  void set_reading(bool reading) { client_->set_reading(reading); }
  void close(uint64_t deadline_ms) { client_->close(deadline_ms); }
  void acknowledge() {
    const std::lock_guard lock(mutex_);
    if (!tags_.empty()) client_->acknowledge_up_to(tags_.back());
    tags_.clear();
  }
  // From now on everything is acknowledged.
  void relent() {
    {
      const std::lock_guard lock(mutex_);
      relents_ = true;
    }
    acknowledge();
    client_->set_reading(true);
  }
  void wait_until_ended() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_ != 0; });
  }
  // After it.
  void expect_one_outcome_each() {
    EXPECT_EQ(SendStatus::kClosed, client_->send("client0", "", {}));
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(1u, ended_);
    for (const auto& [ticket, message] : messages_) {
      EXPECT_EQ(1u, message.accepted) << ticket;
      EXPECT_GE(1u, message.outcomes) << ticket;
      EXPECT_TRUE(message.outcomes == 1 || !message.confirmed) << ticket;
    }
  }

 private:
  struct Sent {
    unsigned accepted = 0;
    unsigned outcomes = 0;
    bool confirmed = false;
  };

  SendStatus send_by(LocalClient& client, Random& random) {
    client::SendOptions options{.ttl_ms = random() % 8 == 0 ? 1u : 0u};
    if (random() % 3 == 0) options.confirm = Confirm::kRefusals;
    uint64_t ticket = 0;
    const SendStatus status =
        client.send(name_of(static_cast<unsigned>(random())), payload_of(random), options, &ticket);
    if (status != SendStatus::kAccepted) {
      EXPECT_TRUE(status == SendStatus::kWouldBlock || status == SendStatus::kClosed) << to_string(status);
      return status;
    }
    const std::lock_guard lock(mutex_);
    ++messages_[ticket].accepted;
    messages_[ticket].confirmed = options.confirm == Confirm::kDelivered;
    return status;
  }

  void on_message(const client::Message& message) override {
    LocalClient* const self = self_;
    if (answers_ && self != nullptr && random_() % 4 == 0) send_by(*self, random_);
    if (!manual_ || !message.tag) return;
    const std::lock_guard lock(mutex_);
    if (relents_) return self->acknowledge(message.tag);
    tags_.push_back(message.tag);
  }
  void on_outcome(const client::SendResult& result) override {
    const std::lock_guard lock(mutex_);
    ++messages_[result.ticket].outcomes;
  }
  void on_ended(const client::Ending&) override {
    const std::lock_guard lock(mutex_);
    ++ended_;
    changed_.notify_all();
  }

  const bool manual_;
  const bool answers_;
  Random random_;  // Of its events.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, Sent> messages_;
  std::vector<client::DeliveryTag> tags_;
  bool relents_ = false;
  unsigned ended_ = 0;
  std::atomic<LocalClient*> self_{nullptr};
  std::unique_ptr<LocalClient> client_;
};

class Zoo {
 public:
  explicit Zoo(Broker& broker) : broker_(broker) {
    for (unsigned i = 0; i < kNames; ++i) cages_[i].lives.push_back(std::make_unique<Life>(broker, i, i));
  }

  void step(Random& random) {
    const auto number = static_cast<unsigned>(random() % kNames);
    Cage& cage = cages_[number];
    const auto what = random() % 1'000;
    if (what < 4) return renew(cage, number, random);
    const std::shared_lock lock(cage.mutex);
    Life& life = *cage.lives.back();
    if (what < 30) {
      life.set_reading(random() % 3 != 0);
    } else if (what < 34) {
      life.close(random() % 3);
    } else if (what < 36) {
      broker_.kick(name_of(number), "");
    } else if (what < 100) {
      life.acknowledge();
    } else {
      life.send(random);
    }
  }

  void end(bool broker_ends) {
    for (Cage& cage : cages_) {
      for (const auto& life : cage.lives) {
        life->relent();
        if (!broker_ends) life->close(0);
      }
    }
    if (broker_ends) broker_.stop(0);
    for (Cage& cage : cages_) {
      for (const auto& life : cage.lives) {
        life->wait_until_ended();
        life->expect_one_outcome_each();
      }
    }
  }

 private:
  struct Cage {
    std::shared_mutex mutex;
    std::vector<std::unique_ptr<Life>> lives;  // The last is in use; it takes the name over from the one before.
  };

  void renew(Cage& cage, unsigned number, Random& random) {
    const std::unique_lock lock(cage.mutex);
    if (!cage.lives.back()->answers() && random() % 2 == 0) cage.lives.pop_back();
    cage.lives.push_back(std::make_unique<Life>(broker_, number, static_cast<uint32_t>(random() % 1'000)));
  }

  Broker& broker_;
  std::array<Cage, kNames> cages_;
};

void run_zoo(uint32_t seed, bool broker_ends) {
  BrokerOptions options = test_options(2);
  options.start_grace_ms = 1;
  options.send_window = seed % 2 == 0 ? 0 : 8;
  options.queue_bytes_max = seed % 3 == 0 ? 0 : 4 << 20;
  BrokerRig rig(options);
  Zoo zoo(*rig);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&zoo, seed, i] {
      Random random(seed * 100 + i);
      for (unsigned step = 0; step < kSteps; ++step) zoo.step(random);
    });
  }
  for (std::thread& thread : threads) thread.join();
  zoo.end(broker_ends);
}

TEST(LocalClientStress, EachMessageHasOneOutcomeWhenClientsEnd) {
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    run_zoo(seed, false);
  }
}

TEST(LocalClientStress, EachMessageHasOneOutcomeWhenTheBrokerEnds) {
  for (uint32_t seed = 11; seed <= 16; ++seed) {
    SCOPED_TRACE(seed);
    run_zoo(seed, true);
  }
}

}  // namespace
}  // namespace onehop::test
