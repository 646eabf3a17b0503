// See the header.
#include "onehop/client_engine.h"

#include <utility>

#include "client/connection.h"

namespace onehop::client {

using core::Instant;

ClientEngine::ClientEngine(ClientOptions options, ClientEvents& events, uint64_t seed)
    : impl_(std::make_unique<Impl>(std::move(options), events, seed)) {}
ClientEngine::~ClientEngine() = default;

void ClientEngine::start(uint64_t now_ms) {
  impl_->start(Instant{now_ms});
}

SendStatus ClientEngine::send(std::string_view to, std::string_view payload, const SendOptions& options,
                              uint64_t* ticket) {
  return impl_->sender().send(to, payload, options, ticket);
}

SendStatus ClientEngine::send_encoded(std::string_view body, uint32_t unknown_patience_ms, uint64_t* ticket) {
  return impl_->sender().send_encoded(body, false, unknown_patience_ms, ticket);
}

SendStatus ClientEngine::try_send_encoded(std::string_view body, uint32_t unknown_patience_ms, uint64_t* ticket) {
  return impl_->sender().send_encoded(body, true, unknown_patience_ms, ticket);
}

std::string ClientEngine::encode(std::string_view to, std::string_view payload, const SendOptions& options) {
  const BodyWriter writer(to, payload, options);
  std::string body;
  if (writer.valid()) {
    body.resize(writer.size());
    writer.write(body.data());
  }
  return body;
}

void ClientEngine::acknowledge(DeliveryTag tag) {
  impl_->receiver().take(tag);
}

void ClientEngine::acknowledge_up_to(DeliveryTag tag) {
  impl_->receiver().take_up_to(tag);
}

void ClientEngine::refuse(DeliveryTag tag, const Refusal& refusal) {
  impl_->receiver().refuse(tag, refusal);
}

std::optional<SavedSession> ClientEngine::saved_session() const {
  return impl_->session();
}

uint64_t ClientEngine::unsettled() const {
  return impl_->sender().unsettled();
}

SendCounts ClientEngine::counts() const {
  return impl_->counts();
}

void ClientEngine::flush(std::function<void()> done) {
  impl_->sender().flush(std::move(done));
}

uint64_t ClientEngine::ping() {
  return impl_->ping();
}

SendStatus ClientEngine::renew(std::string_view token) {
  return impl_->renew(token);
}

SendStatus ClientEngine::subscribe(std::string_view filter, const SubscribeOptions& options) {
  return impl_->subscribe(filter, options);
}

SendStatus ClientEngine::unsubscribe(std::string_view filter) {
  return impl_->unsubscribe(filter);
}

SendStatus ClientEngine::serve(std::string_view service) {
  return impl_->serve(service);
}

SendStatus ClientEngine::unserve(std::string_view service) {
  return impl_->unserve(service);
}

void ClientEngine::close() {
  impl_->close();
}

void ClientEngine::detach() {
  impl_->detach();
}

void ClientEngine::abort(const Ending& ending, uint64_t now_ms) {
  impl_->abort(ending, Instant{now_ms});
}

Link ClientEngine::link() const {
  return impl_->link();
}

uint64_t ClientEngine::link_number() const {
  return impl_->link_number();
}

void ClientEngine::on_link_up(uint64_t now_ms) {
  impl_->on_link_up(Instant{now_ms});
}

void ClientEngine::on_link_down(std::string_view text, uint64_t now_ms) {
  impl_->on_link_down(text, Instant{now_ms});
}

void ClientEngine::on_bytes(std::string_view bytes, uint64_t now_ms) {
  impl_->on_bytes(bytes, Instant{now_ms});
}

void ClientEngine::set_reading(bool reading, uint64_t now_ms) {
  impl_->set_reading(reading, Instant{now_ms});
}

size_t ClientEngine::output(std::span<std::string_view> pieces, uint64_t now_ms) {
  return impl_->output(pieces, Instant{now_ms});
}

void ClientEngine::on_written(size_t size, uint64_t now_ms) {
  impl_->on_written(size, Instant{now_ms});
}

void ClientEngine::on_tick(uint64_t now_ms) {
  impl_->on_tick(Instant{now_ms});
}

uint64_t ClientEngine::deadline() const {
  return impl_->deadline().ms;
}

}  // namespace onehop::client
