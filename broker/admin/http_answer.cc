// Writing answers.
#include "admin/http_answer.h"

#include "admin/json.h"

namespace onehop::admin {
namespace {

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

}  // namespace

Answer error_answer(unsigned status, std::string_view why) {
  Answer answer;
  answer.status = status;
  answer.type = Answer::kJson;
  answer.body = json_error(why);
  return answer;
}

std::string written(const Answer& answer, bool with_body, bool keep_alive) {
  std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " ";
  out += reason_phrase(answer.status);
  out += "\r\nContent-Type: ";
  out += answer.type;
  out += "\r\nContent-Length: " + std::to_string(answer.body.size());
  // A page in a browser may neither keep an answer nor take it for anything else.
  out += "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
  if (!answer.allow.empty()) out.append("Allow: ").append(answer.allow).append("\r\n");
  if (answer.status == 401) out += "WWW-Authenticate: Bearer\r\n";
  out += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  if (with_body) out += answer.body;
  return out;
}

}  // namespace onehop::admin
