// AttachedClient: lets go of the link when the program does. In a forked child, where the link's mutexes may be locked
// for ever, it does nothing.
#include "server/attached_client.h"

#include <exception>
#include <utility>

#include "reactor/fork_guard.h"
#include "server/local_link.h"

namespace onehop::server {
namespace {

class AttachedClient final : public LocalClient {
 public:
  explicit AttachedClient(std::shared_ptr<LocalLink> link) : link_(new std::shared_ptr<LocalLink>(std::move(link))) {}
  AttachedClient(const AttachedClient&) = delete;
  AttachedClient& operator=(const AttachedClient&) = delete;
  // What a forked child has of it stays for as long as the child lives.
  ~AttachedClient() override {
    if (forked()) {
      static_cast<void>(link_.release());
    } else {
      link().detach();
    }
  }

  client::SendStatus send(std::string_view to, std::string_view payload, const client::SendOptions& options,
                          uint64_t* ticket) override {
    return forked() ? client::SendStatus::kForked : link().send(to, payload, options, ticket);
  }
  void acknowledge(client::DeliveryTag tag) override {
    if (!forked()) link().acknowledge(tag, false);
  }
  void acknowledge_up_to(client::DeliveryTag tag) override {
    if (!forked()) link().acknowledge(tag, true);
  }
  void refuse(client::DeliveryTag tag, const client::Refusal& refusal) override {
    if (!forked()) link().refuse(tag, refusal);
  }
  void set_reading(bool reading) override {
    if (!forked()) link().set_reading(reading);
  }
  void close(uint64_t deadline_ms) override {
    if (!forked()) link().close(deadline_ms);
  }
  unsigned home() const override { return link().home(); }

 private:
  bool forked() const { return fork_guard_.is_copy(); }
  LocalLink& link() const { return **link_; }

  const reactor::ForkGuard fork_guard_;
  std::unique_ptr<std::shared_ptr<LocalLink>> link_;
};

}  // namespace

std::unique_ptr<LocalClient> attach(LocalClients& locals, const LocalClientOptions& options, LocalClientEvents& events,
                                    std::string& error) {
  if (error = local::Endpoint::what_is_wrong_with(options); !error.empty()) return nullptr;
  const std::shared_ptr<LocalLink> link = locals.make(options, events);
  if (link == nullptr) {
    error = "the broker has been stopped";
    return nullptr;
  }
  std::unique_ptr<LocalClient> client = std::make_unique<AttachedClient>(link);
  try {
    events.on_attached(*client);
  } catch (...) {
    events.on_exception(std::current_exception());
  }
  link->start();
  return client;
}

}  // namespace onehop::server
