// A message that outlives the call that brought it: a copy of all that a Message names.
#pragma once

#include <vector>

#include "onehop/client_types.h"
#include "onehop/export.h"

namespace onehop::client {

// A copy of a message.
class ONEHOP_EXPORT OwnedMessage {
 public:
  OwnedMessage() = default;
  explicit OwnedMessage(const Message& message);
  OwnedMessage(const OwnedMessage& other) : OwnedMessage(other.view()) {}
  OwnedMessage(OwnedMessage&& other) noexcept { swap(other); }
  OwnedMessage& operator=(OwnedMessage other) noexcept {
    swap(other);
    return *this;
  }
  ~OwnedMessage() = default;

  // Valid as long as this is neither assigned to nor moved from.
  const Message& view() const { return message_; }
  operator const Message&() const { return message_; }
  const Message* operator->() const { return &message_; }

 private:
  void swap(OwnedMessage& other) noexcept;

  // The views of message_ and headers_ point into these, whose memory does not move when the vectors are swapped.
  std::vector<char> bytes_;
  std::vector<Header> headers_;
  Message message_;
};

}  // namespace onehop::client
