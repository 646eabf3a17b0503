// See the header.
#include "cli/credentials.h"

#include <cstdlib>

#include "onehop/client_types.h"
#include "reactor/file_text.h"

namespace onehop::cli {

bool read_client_token(const std::string& path, std::string& token, std::string& error) {
  const reactor::FileText file = reactor::read_file(path, client::kTokenBytesMax + 2);
  if (!file.text) {
    error = "cannot read the token in " + path + ": " + file.error;
    return false;
  }
  token = file.text->substr(0, file.text->find('\n'));
  if (token.ends_with('\r')) token.pop_back();
  if (!token.empty() && token.size() <= client::kTokenBytesMax) return true;
  error = path + " holds no token in its first line";
  return false;
}

void take_token_of_environment(std::string& token, std::string& file) {
  if (const char* given = std::getenv("ONEHOP_TOKEN"); given != nullptr) token = given;
  const char* named = std::getenv("ONEHOP_TOKEN_FILE");
  if (named != nullptr && token.empty()) file = named;
}

}  // namespace onehop::cli
