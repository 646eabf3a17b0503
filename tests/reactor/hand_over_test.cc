// A connection changes loops, and threads, again and again while its peer keeps sending: not a byte is lost, doubled or
// out of order.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "connections.h"
#include "reactor/mailbox.h"
#include "reactor/thread.h"

namespace onehop::reactor {
namespace {

constexpr size_t kConnections = 8;
constexpr size_t kBytesEach = 256 * 1024;
constexpr size_t kBytesPerStay = 3'000;

char expected_byte(size_t connection, size_t position) {
  return static_cast<char>((position * 31 + connection * 7 + position / 251) & 0xFF);
}

// What travels: the descriptor and how far its stream has been read.
struct Traveller {
  Fd fd;
  size_t connection;
  size_t position;
};

// One of two loops that throw connections at each other.
class Station {
 public:
  Station(Loop& loop, std::atomic<size_t>& ended)
      : loop_(loop), ended_(ended), mailbox_(loop, [this](Traveller traveller) { take(std::move(traveller)); }) {}

  void set_other(Station& other) { other_ = &other; }
  void post(Traveller traveller) { mailbox_.post(std::move(traveller)); }
  size_t handed_over() const { return handed_over_; }
  size_t wrong() const { return wrong_; }

 private:
  struct Guest final : SocketHandler {
    Guest(Station& at, size_t of, size_t from) : station(at), connection(of), position(from), socket(at.loop_, *this) {}
    void on_readable(Socket&) override { station.read(*this); }
    void on_writable(Socket&) override {}
    void on_closed(Socket&) override { delete this; }

    Station& station;
    const size_t connection;
    size_t position;
    size_t read_here = 0;
    Socket socket;
  };

  void take(Traveller traveller) {
    auto* guest = new Guest(*this, traveller.connection, traveller.position);
    ASSERT_EQ(0, guest->socket.open(std::move(traveller.fd)));
    guest->socket.set_reading(true);
  }

  void read(Guest& guest) {
    char buffer[1'000];
    const IoResult result = guest.socket.receive(buffer);
    for (size_t i = 0; i < result.bytes; ++i)
      wrong_ += buffer[i] != expected_byte(guest.connection, guest.position + i);
    guest.position += result.bytes;
    guest.read_here += result.bytes;
    if (result.status == IoResult::Status::kEndOfStream || result.status == IoResult::Status::kError) {
      wrong_ += guest.position != kBytesEach;
      guest.socket.close();
      ended_.fetch_add(1);
    } else if (guest.read_here >= kBytesPerStay) {
      ++handed_over_;
      other_->post({guest.socket.release(), guest.connection, guest.position});
    }
  }

  Loop& loop_;
  std::atomic<size_t>& ended_;
  Station* other_ = nullptr;
  size_t handed_over_ = 0, wrong_ = 0;
  Mailbox<Traveller> mailbox_;
};

TEST(HandOver, LosesNothingUnderLoad) {
  Thread left("left"), right("right");
  std::atomic<size_t> ended{0};
  Station a(left.loop(), ended), b(right.loop(), ended);
  a.set_other(b);
  b.set_other(a);
  std::vector<Fd> clients;
  for (size_t i = 0; i < kConnections; ++i) {
    Ends ends = i % 2 == 0 ? unix_ends() : tcp_ends(left.loop());
    clients.push_back(std::move(ends.theirs));
    a.post({std::move(ends.ours), i, 0});
  }
  left.start();
  right.start();
  std::thread sender([&] {
    std::string chunk;
    for (size_t position = 0; position < kBytesEach; position += chunk.size()) {
      for (size_t i = 0; i < kConnections; ++i) {
        chunk.clear();
        for (size_t n = 0; n < 1'024; ++n) chunk += expected_byte(i, position + n);
        write_all(clients[i], chunk);
      }
    }
    clients.clear();
  });
  sender.join();
  while (ended.load() != kConnections) std::this_thread::yield();
  left.stop_and_join();
  right.stop_and_join();
  EXPECT_EQ(0u, a.wrong() + b.wrong());
  EXPECT_GT(a.handed_over(), kConnections);
  EXPECT_GT(b.handed_over(), kConnections);
}

}  // namespace
}  // namespace onehop::reactor
