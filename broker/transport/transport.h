// What stands between the bytes of a socket and the bytes of a stream: nothing for a plain connection, TLS, later
// WebSocket, or one over the other. Memory in, memory out: a transport has no socket, no clock and no thread, so that
// one stands on another, and each is tested without a kernel.
//
//              take_input()  ┌───────────┐  read()
//     socket ───────────────▶│           │──────────▶ stream (core)
//                            │ Transport │
//            ◀───────────────│           │◀──────────
//                 output()   └───────────┘  write()
//
// Each call may give rise to output that nobody asked for: its part of the handshake, an answer to the peer, an alert.
// So whoever calls looks at output() after each call, and offers it to the socket.
//
// Invariants, which every transport keeps and tests/transport/contract.h checks:
//  1. Bytes of the stream come out as they went in at the other end: in order, none lost, none twice, in any pieces.
//  2. The state only goes forward: kHandshake, kOpen, kEnded; and from each of them to kBroken, which is the end.
//  3. Back pressure inwards: the caller gives input only if read() has returned 0 since the last input, or if the
//     handshake is not complete. So a transport that is not read holds at most the bytes of one read of the socket and
//     one unfinished record.
//  4. Back pressure outwards: write() takes nothing before the handshake is complete. Later it takes bytes only while
//     less than kOutputBytesMax of output is held. When all its output is written, an open transport takes some again.
//  5. What it holds is counted in held_bytes(), and a connection that rests holds as little as it can.
//  6. It knows nothing of the thread that it is on: when another shard takes its connection over it moves along, with
//     all that it holds.
//
// A plain connection has no transport at all (no pointer, or a flag that says so), because then the socket's bytes are
// the stream's, and there is nothing to copy, to call or to keep.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/base/bytes.h"

namespace onehop::transport {

class Transport {
 public:
  enum class State : uint8_t {
    kHandshake,  // The stream has not begun, in neither direction.
    kOpen,
    kEnded,   // The peer has ended its stream properly, and read() has returned all of it. We may still write.
    kBroken,  // The stream was broken off, and error() says why. There is no read or write; output() may hold an alert.
  };
  // How much output is held before write() takes no more. One record, and an alert, may come on top.
  static constexpr size_t kOutputBytesMax = 64 << 10;

  virtual ~Transport() = default;

  // Inwards.

  // Takes all of `bytes`, which the socket received; see invariant 3 for when.
  virtual void take_input(core::Bytes bytes) = 0;
  // The socket has reached its end: the peer has closed its side. state() says afterwards whether the stream has ended
  // or was broken off.
  virtual void end_input() = 0;
  // Puts bytes of the stream into `into`, which is not empty, and returns how many. 0: there are none before there is
  // more input. Bytes that came before the end of the stream, or before what broke it, are read first.
  virtual size_t read(std::span<char> into) = 0;

  // Outwards.

  // Takes bytes of the stream from the front of `pieces` and returns how many; see invariant 4.
  virtual size_t write(std::span<const core::Iov> pieces) = 0;
  // Nothing more will be written: tells the peer so, behind what was. Once.
  virtual void end() = 0;
  // What the socket is to send next, until the next call; empty: nothing.
  virtual core::Bytes output() const = 0;
  // The socket has taken `size` bytes from the front of output().
  virtual void output_written(size_t size) = 0;

  virtual State state() const = 0;
  // A clause for operators, such as "the record is not authentic"; empty unless it is broken. Good until the next call.
  virtual core::Bytes error() const = 0;
  // What it has on the heap beside itself, as near as it can tell.
  virtual size_t held_bytes() const = 0;

  // A step of the handshake that costs much time or memory waits until its owner has room for it: while has_work() is
  // true, the handshake goes on by do_work() only. Until then it is given no input.
  virtual bool has_work() const { return false; }
  virtual void do_work() {}

  // Who the peer has proved to be: its certificate, which was verified, as DER. Empty: it has shown none.
  virtual std::string peer_certificate() const { return {}; }
};

// Makes the transport of one connection that was accepted. Any thread.
using TransportFactory = std::function<std::unique_ptr<Transport>()>;

}  // namespace onehop::transport
