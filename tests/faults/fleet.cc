// Fleet: see the header.
#include "fleet.h"

#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace onehop::faults {
namespace {

constexpr size_t kBrokenPromisesShown = 20;
// How long the end waits for outcomes that do not come: then they are missing from the sum.
constexpr uint64_t kFinishDeadlineMs = 60'000;

// What is known of one message.
enum Fate : uint8_t { kSent = 0, kReceived = 1 };

std::string name_of(const client::SendResult& result) {
  std::string name(client::to_string(result.outcome));
  if (result.reason != client::Reason::kNone) name += "(" + client::to_string(result.reason) + ")";
  return name;
}

// Payloads are "SENDER NUMBER".
bool read_payload(std::string_view payload, uint32_t& sender, uint64_t& number) {
  const char* const end = payload.data() + payload.size();
  const auto first = std::from_chars(payload.data(), end, sender);
  if (first.ec != std::errc() || first.ptr == end) return false;
  const auto second = std::from_chars(first.ptr + 1, end, number);
  return second.ec == std::errc() && second.ptr == end;
}

std::string token_in(const std::string& path) {
  std::ifstream file(path);
  std::string token;
  file >> token;
  return token;
}

}  // namespace

class Fleet::Member final : public client::ClientEvents {
 public:
  Member(Fleet& fleet, uint32_t index) : fleet_(fleet), index_(index) { connect(); }

  void connect() {
    client::ClientOptions options{.name = fleet_.options_.prefix + std::to_string(index_),
                                  .on_conflict = client::OnConflict::kTakeOver};
    options.tls_ca_file = fleet_.options_.tls_ca_file;
    if (!fleet_.options_.token_file.empty()) {
      options.token_source = [&file = fleet_.options_.token_file] { return token_in(file); };
    }
    std::string error;
    client_ = client::LoopClient::start(fleet_.client_loop_, fleet_.options_.server, options, *this, error);
    if (client_ == nullptr) throw std::invalid_argument(error);
    fill();
  }
  // As a process that is killed: nobody will tell what became of its messages.
  void vanish() {
    client_.reset();
    if (std::exchange(open_, false)) --fleet_.open_;
    fleet_.vanished_ += std::exchange(outstanding_, 0);
    tickets_.clear();
    in_order_.clear();
  }
  void finish() { client_->close(kFinishDeadlineMs); }
  void fill();

  void on_message(const client::Message& message) override {
    uint32_t sender = 0;
    uint64_t number = 0;
    if (!read_payload(message.payload, sender, number) || sender >= fleet_.members_.size()) {
      return fleet_.broken("a payload that nobody sent: " + std::string(message.payload));
    }
    ++fleet_.received_;
    fleet_.members_[sender]->was_received(number, index_);
    uint64_t& last = in_order_[sender];
    if (number < last) fleet_.broken("out of order: " + std::string(message.payload));
    last = number;
  }
  void on_outcome(std::string_view, const client::SendResult& result) override;
  void on_open(const client::SessionInfo&) override {
    if (!std::exchange(open_, true)) ++fleet_.open_;
    if (std::exchange(said_goodbye_, false)) fleet_.away_ms_.push_back(uv_now(fleet_.loop_) - left_ms_);
    if (fleet_.open_ == fleet_.members_.size()) fleet_.say("all_open");
  }
  void on_down(const client::Ending& ending, uint64_t) override {
    if (std::exchange(open_, false)) --fleet_.open_;
    const bool goodbye = ending.cause == client::Ending::Cause::kGoodbye;
    ++fleet_.downs_[goodbye ? client::to_string(ending.code) : client::describe(ending).substr(0, 40)];
    if (ending.code != client::Code::kServerShuttingDown || said_goodbye_) return;
    said_goodbye_ = true;
    left_ms_ = uv_now(fleet_.loop_);
    fleet_.told_retry_ms_.push_back(ending.retry_after_ms);
  }
  void on_room() override { fill(); }
  void on_ended(const client::Ending& ending) override {
    if (std::exchange(open_, false)) --fleet_.open_;
    if (!fleet_.finishing_) fleet_.broken("a client ended: " + client::describe(ending));
    ++fleet_.ended_;
  }

  uint64_t unsettled() const { return outstanding_; }

 private:
  void was_received(uint64_t number, uint32_t by) {
    if (number >= fates_.size()) return fleet_.broken("received before it was sent");
    uint8_t& fate = fates_[number];
    if ((fate & kReceived) != 0) {
      fleet_.broken("received twice: " + std::to_string(index_) + " " + std::to_string(number) + " by " +
                    std::to_string(by));
    }
    fate |= kReceived;
  }

  Fleet& fleet_;
  const uint32_t index_;
  std::unique_ptr<client::LoopClient> client_;
  bool open_ = false;
  bool said_goodbye_ = false;
  uint64_t left_ms_ = 0;
  uint64_t outstanding_ = 0;
  std::vector<uint8_t> fates_;             // By number.
  std::map<uint64_t, uint64_t> tickets_;   // Of what has no outcome: its number.
  std::map<uint32_t, uint64_t> in_order_;  // The last number of each sender.
};

void Fleet::Member::fill() {
  if (client_ == nullptr || fleet_.finishing_) return;
  while (outstanding_ < fleet_.options_.window) {
    const uint64_t number = fates_.size();
    // Spread over the fleet, so that every pair of shards is used.
    const auto members = fleet_.options_.clients;
    const auto to = static_cast<uint32_t>((index_ + 1 + number * 7 % members) % members);
    uint64_t ticket = 0;
    const auto status = client_->send(fleet_.options_.prefix + std::to_string(to),
                                      std::to_string(index_) + " " + std::to_string(number), {}, &ticket);
    if (status != client::SendStatus::kAccepted) return;  // on_room follows.
    fates_.push_back(kSent);
    tickets_[ticket] = number;
    ++outstanding_;
    ++fleet_.sent_;
  }
}

void Fleet::Member::on_outcome(std::string_view, const client::SendResult& result) {
  const auto ticket = tickets_.find(result.ticket);
  if (ticket == tickets_.end()) return fleet_.broken("an outcome told twice, or of nothing: " + name_of(result));
  const uint64_t number = ticket->second;
  tickets_.erase(ticket);
  const bool received = (fates_[number] & kReceived) != 0;
  const bool taken = result.outcome == client::Outcome::kDelivered;
  const bool refused = result.outcome == client::Outcome::kRejected || result.outcome == client::Outcome::kNotSent;
  if ((taken && !received) || (refused && received)) {
    fleet_.broken(name_of(result) + (received ? " was received" : " was not received"));
  }
  --outstanding_;
  ++fleet_.outcomes_;
  ++fleet_.counts_[name_of(result)];
  fill();
  fleet_.close_when_settled();
}

Fleet::Fleet(uv_loop_t* loop, const FleetOptions& options) : options_(options), client_loop_(loop), loop_(loop) {
  members_.reserve(options_.clients);
  for (uint32_t i = 0; i < options_.clients; ++i) members_.push_back(std::make_unique<Member>(*this, i));
}

Fleet::~Fleet() = default;

void Fleet::vanish_and_return() {
  for (const auto& member : members_) member->vanish();
  for (const auto& member : members_) member->connect();
}

void Fleet::finish() {
  finishing_ = true;
  close_when_settled();
}

// Nobody goes while others still send to it.
void Fleet::close_when_settled() {
  if (!finishing_ || sent_ != outcomes_ + vanished_ || std::exchange(closing_, true)) return;
  for (const auto& member : members_) member->finish();
}

void Fleet::say(const std::string& event) const {
  std::printf("{\"event\":\"%s\",\"outcomes\":%" PRIu64 "}\n", event.c_str(), outcomes_);
  std::fflush(stdout);
}

void Fleet::broken(const std::string& promise) {
  if (broken_promises_.size() < kBrokenPromisesShown) broken_promises_.push_back(promise);
}

std::string Fleet::report() const {
  uint64_t unsettled = 0;
  for (const auto& member : members_) unsettled += member->unsettled();
  return nlohmann::json{{"event", "report"},
                        {"sent", sent_},
                        {"outcomes", outcomes_},
                        {"received", received_},
                        {"unsettled", unsettled},
                        {"vanished", vanished_},
                        {"counts", counts_},
                        {"downs", downs_},
                        {"told_retry_ms", told_retry_ms_},
                        {"away_ms", away_ms_},
                        {"broken", broken_promises_}}
      .dump();
}

}  // namespace onehop::faults
