// See the header.
#include "onehop/owned_message.h"

#include <utility>

namespace onehop::client {

OwnedMessage::OwnedMessage(const Message& message) : message_(message) {
  size_t size = message.from.size() + message.topic.size() + message.service.size() + message.payload.size();
  for (const Header& header : message.headers) size += header.key.size() + header.value.size();
  bytes_.reserve(size);
  const auto keep = [this](std::string_view text) -> std::string_view {
    const size_t begin = bytes_.size();
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return {bytes_.data() + begin, text.size()};
  };
  message_.from = keep(message.from);
  message_.topic = keep(message.topic);
  message_.service = keep(message.service);
  message_.payload = keep(message.payload);
  headers_.reserve(message.headers.size());
  for (const Header& header : message.headers) headers_.push_back({keep(header.key), keep(header.value)});
  message_.headers = headers_;
}

void OwnedMessage::swap(OwnedMessage& other) noexcept {
  bytes_.swap(other.bytes_);
  headers_.swap(other.headers_);
  std::swap(message_, other.message_);
}

}  // namespace onehop::client
