// HttpClient: see the header.
#include "http_client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "reactor/address.h"

namespace onehop::test {

HttpClient::HttpClient(const std::string& address) {
  std::string error;
  const auto to = reactor::numeric_address(*reactor::Address::parse(address, error));
  fd_.reset(::socket(to->family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(fd_.get(), to->get(), to->size()), 0) << address;
}

bool HttpClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(size));
  }
  return true;
}

bool HttpClient::receive() {
  std::array<char, 65'536> bytes;
  const ssize_t size = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
  if (size <= 0) return false;
  received_.append(bytes.data(), static_cast<size_t>(size));
  return true;
}

HttpAnswer HttpClient::read_answer(bool with_body) {
  size_t head_end;
  while ((head_end = received_.find("\r\n\r\n")) == received_.npos) {
    if (!receive()) return {};
  }
  HttpAnswer answer;
  answer.status = static_cast<unsigned>(std::stoul(received_.substr(std::string("HTTP/1.1 ").size(), 3)));
  for (size_t at = received_.find("\r\n"); at < head_end;) {
    const size_t end = received_.find("\r\n", at + 2);
    const std::string line = received_.substr(at + 2, end - at - 2);
    answer.headers[line.substr(0, line.find(": "))] = line.substr(line.find(": ") + 2);
    at = end;
  }
  received_.erase(0, head_end + 4);
  if (!with_body) return answer;
  const size_t size = std::stoul(answer.headers["Content-Length"]);
  while (received_.size() < size) {
    if (!receive()) return {};
  }
  answer.body = received_.substr(0, size);
  received_.erase(0, size);
  return answer;
}

void HttpClient::wait_for_end() {
  while (receive()) received_.clear();
}

HttpAnswer HttpClient::ask(const std::string& method_and_path, const std::string& headers) {
  if (!send(method_and_path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n")) return {};
  return read_answer(!method_and_path.starts_with("HEAD "));
}

HttpAnswer ask_once(const std::string& address, const std::string& method_and_path, const std::string& headers) {
  return HttpClient(address).ask(method_and_path, headers);
}

}  // namespace onehop::test
