// A client of the admin port: one blocking connection, whose bytes a test writes itself.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "reactor/fd.h"

namespace onehop::test {

struct HttpAnswer {
  unsigned status = 0;                         // 0: the connection ended before an answer was whole.
  std::map<std::string, std::string> headers;  // As they were written.
  std::string body;
};

class HttpClient {
 public:
  // Connects to tcp://127.0.0.1:… or unix:///….
  explicit HttpClient(const std::string& address);

  // False: the other end is gone.
  bool send(std::string_view bytes);
  HttpAnswer read_answer(bool with_body = true);
  // Waits for the end of the stream, skipping what comes.
  void wait_for_end();
  // `GET path`, or another method, with a Host and these headers.
  HttpAnswer ask(const std::string& method_and_path, const std::string& headers = "");
  int fd() const { return fd_.get(); }

 private:
  bool receive();

  reactor::Fd fd_;
  std::string received_;
};

// One request on a connection of its own.
HttpAnswer ask_once(const std::string& address, const std::string& method_and_path, const std::string& headers = "");

}  // namespace onehop::test
