// A client as a stranger would write it from docs/wire.md: sockets and protobuf, nothing of the broker's own code. What
// it sends is what the test says, right or wrong; what it reads is kept, frame by frame.
//
// It waits without a time limit of its own: a test that waits in vain is ended by the time limit of ctest. What cannot
// go on (no connection, the stream ends where a frame must come) is thrown, which ends the test with the reason.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onehop/v1/onehop.pb.h"

namespace onehop::test {

v1::Frame connect_frame(const std::string& name);
v1::Frame message_frame(const std::string& client, uint64_t id, const std::string& payload);
v1::Frame confirmed_frame(const std::string& client, uint64_t id);  // Its payload is the id in words.
v1::Frame resume_frame(const std::string& client);                  // Flow RESUME: "I know, open the gate".
v1::Frame ping_frame(uint64_t nonce);
v1::Frame goodbye_frame(v1::Code code);

// As it goes over the wire: a varint with the number of bytes, then those.
std::string delimited(std::string_view bytes);
std::string wire(const v1::Frame& frame);

// The ids that receipts among `frames` refuse for this reason, in the order told.
std::vector<uint64_t> refused_ids(const std::vector<v1::Frame>& frames, v1::Reason reason);
// The payloads of the messages among `frames`.
std::vector<std::string> payloads(const std::vector<v1::Frame>& frames);
size_t count_kind(const std::vector<v1::Frame>& frames, v1::Frame::KindCase kind);

class RawClient {
 public:
  // `address` as the broker prints it. `receive_buffer_bytes` is SO_RCVBUF, set before connecting; 0: the system's.
  explicit RawClient(const std::string& address, int receive_buffer_bytes = 0);
  RawClient(RawClient&& other) noexcept;
  RawClient& operator=(RawClient&&) = delete;
  ~RawClient();

  // Sends Connect for `name`, after `edit` has had its way with it, and waits for Connected.
  v1::Connected connect(const std::string& name, const std::function<void(v1::Connect&)>& edit = {});

  // Sends all of it. What arrives meanwhile is kept, so that neither side waits for the other for ever. After the end
  // of the stream it does nothing.
  void send_bytes(std::string_view bytes);
  void send(const v1::Frame& frame) { send_bytes(wire(frame)); }
  // As much as the socket takes without waiting, reading nothing; returns how much.
  size_t send_some(std::string_view bytes);

  // The next frame; nothing when the stream has ended.
  std::optional<v1::Frame> read();
  // The next frame if it is there already.
  std::optional<v1::Frame> take();
  // The next frame of this kind; others are dropped.
  v1::Frame read_kind(v1::Frame::KindCase kind);
  // Pings, and returns what came before the pong.
  std::vector<v1::Frame> read_to_pong(uint64_t nonce = 1);
  // All there is until the stream ends.
  std::vector<v1::Frame> read_to_end();
  // Reads to the end of the stream, and returns the goodbye that must come last.
  v1::Goodbye read_goodbye();
  // Reads up to the goodbye that announces the end, and returns it; others are dropped.
  v1::Goodbye read_announcement() { return read_kind(v1::Frame::kGoodbye).goodbye(); }
  // Says goodbye and reads to the end of the stream.
  std::vector<v1::Frame> say_goodbye() {
    send(goodbye_frame(v1::CODE_NORMAL));
    return read_to_end();
  }
  // Reads what the socket holds, without waiting.
  void gather();

  void end_writing() const;
  void close();
  void reset();  // Closes in the rudest way: what is under way, both ways, is lost.

  // How the stream ended: kOrderly is the broker's close, kBroken a reset or another error.
  enum class End : uint8_t { kNot, kOrderly, kBroken };
  End end() const { return end_; }
  int fd() const { return fd_; }
  // This side's address as the broker sees it, e.g. tcp://127.0.0.1:40000.
  std::string local_address() const;

 private:
  void wait(short events) const;

  int fd_ = -1;
  End end_ = End::kNot;
  std::string received_;
  size_t taken_ = 0;  // Of received_.
};

}  // namespace onehop::test
