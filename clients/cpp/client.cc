// The threaded client's public face: see threaded/client_impl.h.
#include "onehop/client.h"

#include <exception>
#include <utility>

#include "client/threaded/client_impl.h"

namespace onehop::client {
namespace {

constexpr uint64_t kCloseMsDefault = 5'000;

}  // namespace

std::unique_ptr<Client> Client::start(std::string_view server, ClientOptions options, Handlers handlers,
                                      std::string& error) {
  return start(server, std::move(options), std::move(handlers), Limits{}, error);
}

std::unique_ptr<Client> Client::start(std::string_view server, ClientOptions options, Handlers handlers, Limits limits,
                                      std::string& error) {
  // Before there is a thread: wrong arguments cost nothing.
  if (!check_arguments(server, options, error)) return nullptr;
  const std::unique_ptr<IoThread> thread = IoThread::start(error);
  if (thread == nullptr) return nullptr;
  return start(*thread, server, std::move(options), std::move(handlers), limits, error);
}

std::unique_ptr<Client> Client::start(IoThread& thread, std::string_view server, ClientOptions options,
                                      Handlers handlers, Limits limits, std::string& error) {
  const auto address = check_arguments(server, options, error);
  if (!address) return nullptr;
  if (thread.handle()->core().fork_guard().is_copy()) {
    error = "the thread belongs to the process that started it";
    return nullptr;
  }
  try {
    auto impl =
        std::make_unique<Impl>(thread.handle()->core(), *address, std::move(options), std::move(handlers), limits);
    auto client = std::unique_ptr<Client>(new Client(thread.handle(), std::move(impl)));
    client->impl_->begin();
    return client;
  } catch (const std::exception& failure) {
    error = failure.what();
    return nullptr;
  }
}

Client::Client(std::shared_ptr<IoHandle> thread, std::unique_ptr<Impl> impl)
    : thread_(std::move(thread)), impl_(std::move(impl)) {}

Client::~Client() {
  if (impl_->is_copy()) {
    static_cast<void>(impl_.release());
  } else if (impl_->in_thread()) {
    Impl::abandon(std::move(impl_), std::move(thread_));
  } else {
    impl_->end({.kind = EndOrder::Kind::kClose, .deadline_ms = kCloseMsDefault});
  }
}

bool Client::is_own_thread() const {
  return impl_->in_thread();
}

WaitStatus Client::wait_until_open(uint64_t timeout_ms) {
  return impl_->wait_until_open(timeout_ms);
}

SendFuture Client::send(std::string_view to, std::string_view payload, const SendOptions& options) {
  return impl_->send(to, payload, options);
}

void Client::send(std::string_view to, std::string_view payload, const SendOptions& options,
                  SendCompletion completion) {
  impl_->send(to, payload, options, std::move(completion));
}

SendStatus Client::try_send(std::string_view to, std::string_view payload, const SendOptions& options,
                            SendCompletion completion) {
  return impl_->enter(to, payload, options, 0, completion);
}

SendStatus Client::send_within(uint64_t timeout_ms, std::string_view to, std::string_view payload,
                               const SendOptions& options, SendCompletion completion) {
  return impl_->enter(to, payload, options, timeout_ms, completion);
}

void Client::request(std::string_view to, std::string_view payload, SendOptions options, RequestCompletion done) {
  impl_->request(to, payload, options, std::move(done));
}

std::future<RequestResult> Client::request(std::string_view to, std::string_view payload, SendOptions options) {
  const auto promise = std::make_shared<std::promise<RequestResult>>();
  request(to, payload, options, [promise](const RequestResult& result) { promise->set_value(result); });
  return promise->get_future();
}

WaitStatus Client::flush(uint64_t timeout_ms) {
  return impl_->flush(timeout_ms);
}

bool Client::flush(std::function<void()> done) {
  return impl_->flush(std::move(done));
}

uint64_t Client::unsettled() const {
  return impl_->unsettled();
}

SendCounts Client::counts() const {
  return impl_->counts();
}

void Client::acknowledge(DeliveryTag tag) {
  impl_->give({.kind = Verdict::Kind::kTaken, .tag = tag});
}

void Client::acknowledge_up_to(DeliveryTag tag) {
  impl_->give({.kind = Verdict::Kind::kTakenUpTo, .tag = tag});
}

void Client::refuse(DeliveryTag tag, const Refusal& refusal) {
  impl_->give({.kind = Verdict::Kind::kRefused,
               .tag = tag,
               .text = std::string(refusal.text),
               .code = refusal.code,
               .retry_after_ms = refusal.retry_after_ms});
}

SendStatus Client::renew(std::string_view token) {
  return impl_->renew(token);
}

SendStatus Client::subscribe(std::string_view filter, const SubscribeOptions& options) {
  return impl_->wish({.name = std::string(filter), .wanted = true, .options = options});
}

SendStatus Client::unsubscribe(std::string_view filter) {
  return impl_->wish({.name = std::string(filter), .wanted = false});
}

SendStatus Client::serve(std::string_view service) {
  return impl_->wish({.kind = Destination::kService, .name = std::string(service), .wanted = true});
}

SendStatus Client::unserve(std::string_view service) {
  return impl_->wish({.kind = Destination::kService, .name = std::string(service), .wanted = false});
}

Ending Client::close(uint64_t deadline_ms) {
  return impl_->end({.kind = EndOrder::Kind::kClose, .deadline_ms = deadline_ms});
}

std::optional<SavedSession> Client::detach(uint64_t deadline_ms, Ending* ending) {
  const Ending end = impl_->end({.kind = EndOrder::Kind::kDetach, .deadline_ms = deadline_ms});
  const bool refused = end.cause == Ending::Cause::kWouldDeadlock || end.cause == Ending::Cause::kForked;
  if (ending != nullptr) *ending = end;
  return refused ? std::nullopt : impl_->session();
}

}  // namespace onehop::client
