// What a connection with TLS takes is what it says that it holds, by malloc's own account.
#include <gtest/gtest.h>
#include <malloc.h>

#include <vector>

#include "pair.h"

namespace onehop::tls {
namespace {

using transport::Pair;

// What is freed with each of `ends`.
size_t heap_bytes_of(std::vector<std::unique_ptr<transport::Transport>> ends) {
  const size_t count = ends.size();
  const size_t before = mallinfo2().uordblks;
  ends.clear();
  return (before - mallinfo2().uordblks) / count;
}

class TlsMemory : public testing::Test {
 protected:
  void SetUp() override {
    const size_t before = mallinfo2().uordblks;
    const std::string block(100'000, 'x');
    if (mallinfo2().uordblks < before + block.size()) GTEST_SKIP() << "this allocator tells nothing of its heap";
  }
  // The servers' ends of 50 connections, each of which has gone as far as `go`.
  template <typename Go>
  size_t held(ClientCertificates clients, Go go) {
    const Issued own = authority_.issue("client", {"client", "", "clientAuth"});
    const auto server = server_of({{{issued_.certificate, issued_.key}}, authority_.file(), {}, clients});
    const auto client = client_of({authority_.file(), own.certificate, own.key, false});
    std::vector<std::unique_ptr<transport::Transport>> servers;
    for (int i = 0; i < 50; ++i) {
      ResumableSession session;
      Pair pair = join(server, *client, session);
      go(pair);
      said_ = pair.server.transport->held_bytes();
      servers.push_back(std::move(pair.server.transport));
    }
    return heap_bytes_of(std::move(servers));
  }

  Authority authority_;
  Issued issued_ = authority_.issue("server");
  size_t said_ = 0;
};

TEST_F(TlsMemory, OfAnIdleConnection) {
  const size_t plain = held(ClientCertificates::kNone, settle);
  EXPECT_LE(plain, said_);
  EXPECT_GE(plain, said_ / 2);
  EXPECT_LE(said_, 16u << 10);
  const size_t with_certificate = held(ClientCertificates::kRequired, settle);
  EXPECT_LE(with_certificate, said_);
  EXPECT_LE(said_, 24u << 10);
  RecordProperty("idle", static_cast<int>(plain));
  RecordProperty("idle_with_certificate", static_cast<int>(with_certificate));
}

TEST_F(TlsMemory, OfAHandshake) {
  const size_t waiting =
      held(ClientCertificates::kNone, [](Pair& pair) { transport::carry(pair.client, pair.server, SIZE_MAX, 100); });
  EXPECT_LE(waiting, said_);
  EXPECT_LE(waiting, 80u << 10);
  RecordProperty("handshake", static_cast<int>(waiting));
}

TEST_F(TlsMemory, OfARecordThatHasComeInPart) {
  const size_t waiting = held(ClientCertificates::kNone, [](Pair& pair) {
    settle(pair);
    pair.client.to_send = std::string(16'000, 'x');
    pair.client.write(16'000);
    transport::carry(pair.client, pair.server, 10'000, 100);
  });
  EXPECT_LE(waiting, said_);
  EXPECT_GE(waiting, said_ / 2);
}

}  // namespace
}  // namespace onehop::tls
