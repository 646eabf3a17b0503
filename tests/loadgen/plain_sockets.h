// Sockets and frames for the test programs, without the code that is tested.
#pragma once

#include <netinet/in.h>

#include <string>

#include "onehop/v1/onehop.pb.h"

namespace onehop::test {

// Returns `result`. Throws std::runtime_error that names `what` if it is below 0.
int checked(int result, const char* what);

// "127.0.0.1:7411" → the address. Throws std::invalid_argument if it is none.
sockaddr_in parse_address(const std::string& text);

// A listening socket, non-blocking; with port 0 the kernel chooses a free one. Prints the address that was bound.
int listen_at(const std::string& text);

// Nagle's algorithm would hold back small frames.
void send_without_delay(int fd);

// Appends the frame with its length in front, as docs/wire.md says.
void append_frame(std::string& out, const v1::Frame& frame);

}  // namespace onehop::test
