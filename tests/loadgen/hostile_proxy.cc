// A proxy between clients and a broker. It does to single messages what no broker may do, so that tests see whether the
// load generator notices. Everything else passes unchanged, frame by frame.
//
//   onehop-hostile-proxy --target 127.0.0.1:PORT [--listen 127.0.0.1:0] FAULT N …
//
//   --drop N           does not pass on the broker's N-th message, counted over all connections
//   --double N         passes it on twice
//   --swap N           passes it on after the next message to the same client
//   --corrupt N        changes one byte in the middle of its payload
//   --misdirect N      exchanges it with the next message to another client
//   --drop-sent N      does not pass on the clients' N-th message
//   --drop-receipts N  does not pass on the broker's N-th frame of receipts
//
// For each fault that has happened it prints a line: "did --drop".
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "onehop/v1/onehop.pb.h"
#include "plain_sockets.h"

namespace onehop::test {
namespace {

// One end of a pair of connections.
struct End {
  int fd = -1;
  std::string in;         // Bytes from this end: the beginning of a frame.
  std::string out;        // Bytes for this end.
  bool finished = false;  // Nothing more comes from this end.
  bool told = false;      // This end knows that nothing more comes to it.
};

struct Pair {
  End client, broker;
};

// Decides which messages are affected and how, and says what was done.
class Faults {
 public:
  void set(const std::string& flag, uint64_t number) {
    static const std::set<std::string> kKnown = {"--drop",      "--double",    "--swap",         "--corrupt",
                                                 "--misdirect", "--drop-sent", "--drop-receipts"};
    if (!kKnown.contains(flag)) throw std::invalid_argument("no flag " + flag);
    wanted_[flag] = number;
  }

  void pass_to_broker(Pair& pair, v1::Frame& frame) {
    if (frame.has_message() && is_due("--drop-sent", ++sent_)) return did("--drop-sent");
    append_frame(pair.broker.out, frame);
  }

  void pass_to_client(Pair& pair, v1::Frame& frame) {
    if (frame.has_receipts() && is_due("--drop-receipts", ++receipts_)) return did("--drop-receipts");
    if (!frame.has_message()) {
      append_frame(pair.client.out, frame);
    } else {
      ++messages_;
      pass_message(pair, frame);
    }
  }

  void forget(const Pair& pair) {
    if (held_of_ == &pair) held_.reset(), held_of_ = nullptr;
  }

 private:
  void pass_message(Pair& pair, v1::Frame& frame) {
    if (is_due("--drop", messages_)) return did("--drop");
    if (is_due("--swap", messages_) || is_due("--misdirect", messages_)) return hold(pair, frame);
    if (is_due("--corrupt", messages_)) {
      std::string& payload = *frame.mutable_message()->mutable_payload();
      payload.at(payload.size() / 2) = static_cast<char>(payload.at(payload.size() / 2) ^ 0x10);
      did("--corrupt");
    }
    if (held_ && wanted_.contains("--misdirect") && held_of_ != &pair) exchange_with_held(frame);
    append_frame(pair.client.out, frame);
    if (is_due("--double", messages_)) {
      append_frame(pair.client.out, frame);
      did("--double");
    }
    if (held_ && wanted_.contains("--swap") && held_of_ == &pair) {
      append_frame(pair.client.out, *held_);
      did("--swap");
      forget(pair);
    }
  }

  void hold(Pair& pair, v1::Frame& frame) {
    held_of_ = &pair;
    held_ = std::move(frame);
  }

  // Each message keeps the tag that its new client will acknowledge.
  void exchange_with_held(v1::Frame& frame) {
    const uint64_t tag = frame.message().delivery_tag();
    const uint64_t held_tag = held_->message().delivery_tag();
    frame.mutable_message()->set_delivery_tag(held_tag);
    held_->mutable_message()->set_delivery_tag(tag);
    append_frame(held_of_->client.out, frame);
    frame.Swap(&*held_);
    did("--misdirect");
    forget(*held_of_);
  }

  bool is_due(const std::string& flag, uint64_t number) const {
    const auto found = wanted_.find(flag);
    return found != wanted_.end() && found->second == number;
  }

  void did(const char* flag) {
    std::printf("did %s\n", flag);
    std::fflush(stdout);
  }

  std::map<std::string, uint64_t> wanted_;
  uint64_t messages_ = 0;  // Messages of the broker.
  uint64_t receipts_ = 0;
  uint64_t sent_ = 0;  // Messages of the clients.
  std::optional<v1::Frame> held_;
  Pair* held_of_ = nullptr;
};

class Proxy {
 public:
  Proxy(const std::string& listen, const std::string& target, Faults faults)
      : target_(parse_address(target)), faults_(std::move(faults)), listen_fd_(listen_at(listen)) {}

  void run() {
    while (true) {
      std::vector<pollfd> polled{{listen_fd_, POLLIN, 0}};
      for (const auto& pair : pairs_) {
        for (const End* end : {&pair->client, &pair->broker}) {
          const int events = (end->finished ? 0 : POLLIN) | (end->out.empty() ? 0 : POLLOUT);
          polled.push_back({events == 0 ? -1 : end->fd, static_cast<short>(events), 0});
        }
      }
      if (poll(polled.data(), polled.size(), -1) < 0) throw std::runtime_error("poll");
      for (size_t i = 0; i < pairs_.size(); ++i) {
        if (polled[1 + 2 * i].revents != 0) read(*pairs_[i], pairs_[i]->client);
        if (polled[2 + 2 * i].revents != 0) read(*pairs_[i], pairs_[i]->broker);
      }
      for (const auto& pair : pairs_) {
        write(pair->client, pair->broker.finished);
        write(pair->broker, pair->client.finished);
      }
      std::erase_if(pairs_, [this](const auto& pair) { return close_if_over(*pair); });
      if (polled[0].revents != 0) accept();
    }
  }

 private:
  void accept() {
    for (int fd = 0; (fd = accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
      auto pair = std::make_unique<Pair>();
      pair->client.fd = fd;
      pair->broker.fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
      const int result = connect(pair->broker.fd, reinterpret_cast<const sockaddr*>(&target_), sizeof target_);
      checked(result, "connect to the target");
      checked(fcntl(pair->broker.fd, F_SETFL, O_NONBLOCK), "fcntl");
      for (const End* end : {&pair->client, &pair->broker}) send_without_delay(end->fd);
      pairs_.push_back(std::move(pair));
    }
  }

  void read(Pair& pair, End& from) {
    char bytes[65'536];
    const ssize_t size = recv(from.fd, bytes, sizeof bytes, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) {
      from.finished = true;
      return;
    }
    from.in.append(bytes, static_cast<size_t>(size));
    size_t at = 0;
    while (const size_t taken = pass_frame(pair, from, at)) at += taken;
    from.in.erase(0, at);
  }

  // Returns how many bytes the frame at `at` has, or 0 if it is not complete.
  size_t pass_frame(Pair& pair, const End& from, size_t at) {
    uint64_t length = 0;
    for (size_t prefix = 0; at + prefix < from.in.size(); ++prefix) {
      const auto byte = static_cast<uint8_t>(from.in[at + prefix]);
      length |= uint64_t{byte & 0x7FU} << (7 * prefix);
      if ((byte & 0x80) != 0) continue;
      const size_t taken = prefix + 1 + length;
      if (from.in.size() - at < taken) return 0;
      v1::Frame frame;
      if (!frame.ParseFromArray(from.in.data() + at + prefix + 1, static_cast<int>(length))) {
        throw std::runtime_error("a frame that does not parse");
      }
      &from == &pair.client ? faults_.pass_to_broker(pair, frame) : faults_.pass_to_client(pair, frame);
      return taken;
    }
    return 0;
  }

  static void write(End& end, bool other_finished) {
    if (!end.out.empty()) {
      const ssize_t size = send(end.fd, end.out.data(), end.out.size(), MSG_NOSIGNAL);
      if (size > 0) end.out.erase(0, static_cast<size_t>(size));
      if (size < 0 && errno != EAGAIN) {
        end.finished = true;
        end.out.clear();
      }
    }
    if (end.out.empty() && other_finished && !std::exchange(end.told, true)) shutdown(end.fd, SHUT_WR);
  }

  bool close_if_over(const Pair& pair) {
    if (!pair.client.finished || !pair.broker.finished || !pair.client.out.empty() || !pair.broker.out.empty()) {
      return false;
    }
    faults_.forget(pair);
    close(pair.client.fd);
    close(pair.broker.fd);
    return true;
  }

  const sockaddr_in target_;
  Faults faults_;
  const int listen_fd_;
  std::vector<std::unique_ptr<Pair>> pairs_;
};

int run(int count, char** words) {
  std::string listen = "127.0.0.1:0";
  std::string target;
  Faults faults;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string flag = words[i];
    if (flag == "--listen") {
      listen = words[i + 1];
    } else if (flag == "--target") {
      target = words[i + 1];
    } else {
      faults.set(flag, std::stoull(words[i + 1]));
    }
  }
  Proxy(listen, target, std::move(faults)).run();
  return 0;
}

}  // namespace
}  // namespace onehop::test

int main(int count, char** words) {
  try {
    return onehop::test::run(count, words);
  } catch (const std::exception& wrong) {
    std::fprintf(stderr, "onehop-hostile-proxy: %s\n", wrong.what());
    return 2;
  }
}
