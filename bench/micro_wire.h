// Frames for the micro-benchmarks to chew on.
#pragma once

#include <string>

#include "onehop/v1/onehop.pb.h"

namespace onehop::bench {

// The length prefix and what it counts.
inline std::string delimited(const std::string& bytes) {
  std::string out;
  size_t size = bytes.size();
  for (; size >= 0x80; size >>= 7) out += static_cast<char>(size | 0x80);
  return out + static_cast<char>(size) + bytes;
}

// The body of a Message. An id of 0 is left out.
inline std::string message_body(const std::string& to, uint64_t id, size_t payload_bytes) {
  v1::Message message;
  message.set_client(to);
  message.set_id(id);
  message.set_payload(std::string(payload_bytes, 'x'));
  return message.SerializeAsString();
}

// A Frame with that message, without its length prefix.
inline std::string frame_of(const std::string& message_body) {
  v1::Frame frame;
  frame.mutable_message()->ParseFromString(message_body);
  return frame.SerializeAsString();
}

inline std::string message_frame(const std::string& to, uint64_t id, size_t payload_bytes) {
  return delimited(frame_of(message_body(to, id, payload_bytes)));
}

inline std::string connect_frame(const std::string& name) {
  v1::Frame frame;
  frame.mutable_connect()->set_name(name);
  return delimited(frame.SerializeAsString());
}

}  // namespace onehop::bench
