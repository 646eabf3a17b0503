// Clients that fight for one name, each over one connection at a time: they take over, ask politely, or resume with
// whatever token was seen last, stay or leave in every way there is, and note what each connection was given.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "server_test/raw_client.h"

namespace onehop::test {

inline constexpr const char* kContestedName = "contested";

// Of the machine's steady clock, the same for all threads.
uint64_t now_ns();

// One connection that owned the name.
struct Ownership {
  struct Delivery {
    std::string from;
    uint64_t id;
    uint64_t tag;
    uint64_t sent_ns;  // As its sender wrote it.
    bool redelivered;
  };
  uint64_t session = 0;
  uint32_t attempt = 0;
  uint64_t connected_ns = 0;    // Connected was read.
  uint64_t received_up_to = 0;  // As it said when it resumed: what it got on a connection before.
  std::vector<Delivery> deliveries;
};

// The token that was seen last; whoever wants it takes it.
class TokenBoard {
 public:
  struct Token {
    std::string bytes;
    uint64_t session = 0;
    uint32_t attempt = 0;  // The highest that somebody connected with.
  };
  void put(const Token& token);
  Token get();

 private:
  std::mutex mutex_;
  Token token_;
};

class Fighter {
 public:
  Fighter(const std::string& address, TokenBoard& board, uint64_t seed)
      : address_(address), board_(board), random_(seed) {}

  // Does what there is to do, without waiting.
  void step();
  // The same, but it only takes over and, once it owns the name, stays. True: it does.
  bool step_to_own();
  // Acknowledges what it got, says goodbye and reads to the end.
  void leave_for_good();

  const std::deque<Ownership>& ownerships() const { return ownerships_; }
  // By session, the highest tag up to which it said that it took all.
  const std::map<uint64_t, uint64_t>& acknowledged() const { return acknowledged_; }
  // How connects ended, by code; and what was wrong.
  const std::map<std::string, uint64_t>& refusals() const { return refusals_; }
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  enum class State : uint8_t { kIdle, kConnecting, kOwner };

  uint64_t random(uint64_t below) { return random_() % below; }
  void begin(bool take_over_only);
  void take_frames();
  void take_connected(const v1::Connected& connected);
  void take_message(const v1::Message& message);
  void take_goodbye(v1::Code code);
  void go_on_where_it_was(uint64_t session, v1::Connect& connect);
  void acknowledge();
  void leave();
  void rest();
  void problem(const std::string& what);

  const std::string address_;
  TokenBoard& board_;
  std::mt19937_64 random_;
  State state_ = State::kIdle;
  std::optional<RawClient> client_;
  uint32_t attempt_ = 0;         // Asked for.
  uint64_t received_up_to_ = 0;  // Said with it.
  bool said_goodbye_ = false;
  bool goodbye_came_ = false;
  uint64_t until_ns_ = 0;  // When to try again, or to leave.
  std::deque<Ownership> ownerships_;
  std::map<uint64_t, uint64_t> acknowledged_;
  std::map<std::string, uint64_t> refusals_;
  std::vector<std::string> problems_;
};

}  // namespace onehop::test
