// A client at the other end of a transport: what RawClient is for plain connections, with less of it. It waits without
// a time limit of its own, too.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onehop/v1/onehop.pb.h"
#include "transport/transport.h"

namespace onehop::test {

class TransportClient {
 public:
  using State = transport::Transport::State;

  // `receive_buffer_bytes` is SO_RCVBUF, set before connecting; 0: the system's. What it sends and receives passes the
  // socket in pieces of at most `piece_bytes`.
  TransportClient(const std::string& address, std::unique_ptr<transport::Transport> transport,
                  int receive_buffer_bytes = 0, size_t piece_bytes = 977);
  TransportClient(const TransportClient&) = delete;
  TransportClient& operator=(const TransportClient&) = delete;
  ~TransportClient();

  // Sends Connect for `name`, and waits for Connected.
  v1::Connected connect(const std::string& name);
  // Sends all of these bytes of the stream. What arrives meanwhile is kept.
  void send_bytes(std::string_view stream);
  void send(const v1::Frame& frame);
  // The same, but leaves the last `kept` bytes of what the socket is to send unsent, until send_kept().
  void send_but(const v1::Frame& frame, size_t kept);
  void send_kept();
  // As much of the stream as goes without reading or waiting; returns how much.
  size_t send_some(std::string_view stream);
  // Sends these bytes to the socket, past the transport.
  void send_raw(std::string_view bytes) const;

  // The next frame; nothing when the stream has ended.
  std::optional<v1::Frame> read();
  // The next frame of this kind; others are dropped.
  v1::Frame read_kind(v1::Frame::KindCase kind);
  // All there is until the stream ends.
  std::vector<v1::Frame> read_to_end();
  // Reads to the end of the stream, and returns the goodbye that must come last.
  v1::Goodbye read_goodbye();
  // Bytes of the socket, past the transport, until it ends.
  std::string read_raw_to_end();

  // Ends the stream of this side, in order.
  void end_stream();
  // Ends the socket's, without a word of the transport.
  void end_writing() const;
  void close();

  State state() const { return transport_->state(); }
  bool socket_ended_in_order() const { return end_ == SocketEnd::kOrderly; }
  std::string local_address() const;

 private:
  enum class SocketEnd : uint8_t { kNot, kOrderly, kBroken };

  // Sends and receives what goes at once; `kept` bytes of the output stay.
  bool send_output(size_t kept);
  bool receive();
  // Both, and waits if nothing happened.
  void turn();
  void wait() const;
  std::optional<v1::Frame> take();

  int fd_ = -1;
  const size_t piece_bytes_;
  std::unique_ptr<transport::Transport> transport_;
  std::string unsent_;    // Output of the transport, on its way to the socket.
  std::string received_;  // Of the stream.
  SocketEnd end_ = SocketEnd::kNot;
};

}  // namespace onehop::test
