// The threaded client: the engine on a loop of an IoCore, and an outbox through which other threads reach it.
//
// Its life on the thread: the first call makes the engine; while the outbox is awake, a call or a flush of this client
// is due; when the engine has ended, one more turn takes it down, and tells whoever waits for the end. From then on the
// thread does not touch it, so that its owner may destroy it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "client/loop_client_impl.h"
#include "client/requests.h"
#include "client/threaded/io_core.h"
#include "client/threaded/open_sends.h"
#include "client/threaded/outbox.h"
#include "client/threaded/pending.h"
#include "onehop/client.h"

namespace onehop::client {

class Client::Impl final : public ClientEvents, private IoMember, private Flushable {
 public:
  Impl(IoCore& core, const reactor::Address& server, ClientOptions options, Handlers handlers, Limits limits);
  ~Impl() = default;

  // ANY THREAD, all of it.
  // The client begins.
  void begin() { core_.call(*this); }
  bool is_copy() const { return core_.fork_guard().is_copy(); }
  bool in_thread() const { return core_.in_thread(); }
  bool has_ended() const;
  SendStatus enter(std::string_view to, std::string_view payload, const SendOptions& options, uint64_t wait_ms,
                   SendCompletion& completion);
  void send(std::string_view to, std::string_view payload, const SendOptions& options, SendCompletion completion);
  SendFuture send(std::string_view to, std::string_view payload, const SendOptions& options);
  void request(std::string_view to, std::string_view payload, SendOptions options, RequestCompletion done);
  WaitStatus wait_until_open(uint64_t timeout_ms);
  WaitStatus flush(uint64_t timeout_ms);
  bool flush(std::function<void()> done);
  uint64_t unsettled() const { return outbox_.unsettled(); }
  SendCounts counts() const;
  void give(Verdict verdict);
  SendStatus renew(std::string_view token);
  SendStatus wish(Wish wish);
  Ending end(const EndOrder& order);
  std::optional<SavedSession> session() const;

  // Ends without anybody waiting: on the client's thread, which keeps `self` and the thread's handle until then.
  static void abandon(std::unique_ptr<Impl> self, std::shared_ptr<IoHandle> thread);

 private:
  // On the client's thread, all of it but contain().
  void on_call() override { turn(); }
  void flush() override { turn(); }
  void turn();
  void call_again();
  void give_pending();
  // False: it has to wait.
  bool give_to_engine(OpenSend& send, std::string_view body);
  void drop_pending();
  void obey(const Verdict& verdict);
  void obey(const Wish& wish);
  void obey(const EndOrder& order);
  void settle(const OpenSend& send);
  void after_turn();
  void settle_up();
  void take_down();
  // Calls what is the program's; nothing that it throws gets any further.
  template <typename Call>
  void contain(Call call);

  void on_message(const Message& message) override;
  void on_outcome(std::string_view to, const SendResult& result) override;
  void on_open(const SessionInfo& session) override;
  void on_down(const Ending& ending, uint64_t retry_in_ms) override;
  void on_ended(const Ending& ending) override;
  void on_room() override;
  void on_renewed(Reason reason, uint32_t expires_in_ms) override;
  void on_subscribed(std::string_view filter, Reason reason) override;
  void on_unsubscribed(std::string_view filter) override;
  void on_serving(std::string_view service, Reason reason) override;
  void on_unserved(std::string_view service) override;
  void on_reply(uint64_t ticket, const Message& reply) override;
  void on_no_reply(uint64_t ticket) override { requests_.on_no_reply(ticket); }
  void on_exception(const std::exception_ptr& exception) override;

  IoCore& core_;
  const Handlers handlers_;
  Outbox outbox_;
  // Those that the engine does not see.
  std::atomic<uint64_t> exceptions_{0};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;                    // Under the mutex.
  std::optional<Ending> ending_;         // Under the mutex, as soon as the engine has ended.
  bool gone_ = false;                    // Under the mutex: the thread does not touch this any more.
  std::optional<SavedSession> session_;  // Under the mutex.
  SendCounts counts_;                    // Under the mutex.

  // The client's thread only.
  const reactor::Address server_;
  ClientOptions options_;
  std::optional<LoopClient::Impl> client_;
  OpenSends open_sends_;
  Requests requests_;
  Pending pending_;
  bool ended_ = false;
  bool silent_ = false;
  bool room_to_tell_ = false;
  std::unique_ptr<Impl> self_;
  std::shared_ptr<IoHandle> kept_thread_;
};

}  // namespace onehop::client
