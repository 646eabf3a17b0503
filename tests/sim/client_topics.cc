// Client: what it does with topics.
#include "sim/client.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace onehop::sim {

bool Client::uses_topics() const {
  return world_.scenario.topic_permille != 0 && world_.oracle.session_of(connection_).uses_topics;
}

void Client::change_subscription() {
  const uint32_t filter = random_.below(TopicOracle::filters().size());
  const std::string& text = TopicOracle::filters()[filter];
  if (random_.chance(650)) {
    v1::Subscribe& subscribe = *out_.mutable_subscribe();
    subscribe.Clear();
    subscribe.set_topic(text);
    subscribe.set_no_echo(random_.chance(300));
    subscribe.set_ref(world_.oracle.topics().subscribes(connection_, filter, subscribe.no_echo()));
  } else {
    v1::Unsubscribe& unsubscribe = *out_.mutable_unsubscribe();
    unsubscribe.Clear();
    unsubscribe.set_topic(text);
    unsubscribe.set_ref(world_.oracle.topics().unsubscribes(connection_, filter));
  }
  append_frame(outbox_, out_);
  if (world_.verbose)
    std::printf("             connection %u changes its subscription to %s\n", connection_, text.c_str());
}

void Client::send_to_topic(uint32_t topic, uint32_t size) {
  v1::Message& message = *out_.mutable_message();
  message.Clear();
  message.set_topic(TopicOracle::topics()[topic]);
  SentMessage sent;
  sent.topic = topic;
  if (random_.chance(800)) sent.id = ++memory_.last_id;
  if (sent.id != 0 && may_confirm(size)) {
    sent.confirmed = true;
    message.set_confirm(v1::CONFIRM_DELIVERED);
  }
  mark_request(message, sent);
  --world_.messages_left;
  send_message(message, sent, size);
}

}  // namespace onehop::sim
